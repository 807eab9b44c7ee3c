"""Solicit-Map-Requests: telling those who send here that a mapping changed (RFC 9301, 6.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, Ipv4, Ipv6, NoAddress, ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_request import MapRequest, MapRequestRecord

RECENT_SECONDS: Final = 60.0
"""Who exchanged packets with the site for the last minute is told."""

PACE_SECONDS: Final = 3.0
"""Between SMRs to one locator, and between Map-Requests that SMRs for one EID-Prefix invoke."""

SENDS_LIMIT: Final = 3
"""SMRs to one locator about one change, unless it asks before."""

CORRESPONDENTS_LIMIT: Final = 65_536


@dataclass(slots=True)
class _Change:
    """One locator that is to hear of one changed EID-Prefix."""

    sends_left: int
    due: float


class Correspondents:
    """Locators that packets came from or went to of late, by EID-Prefix of the site."""

    def __init__(self) -> None:
        self._seen_at: dict[tuple[str, EidPrefix], float] = {}

    def __len__(self) -> int:
        return len(self._seen_at)

    def note(self, host: str, prefix: EidPrefix, now: float) -> None:
        """A packet came from a locator, or went there."""
        pair = (host, prefix)
        if pair in self._seen_at or len(self._seen_at) < CORRESPONDENTS_LIMIT:
            self._seen_at[pair] = now

    def of(self, prefix: EidPrefix, now: float) -> list[str]:
        """Those that have to do with any part of a prefix."""
        oldest = now - RECENT_SECONDS
        self._seen_at = {pair: at for pair, at in self._seen_at.items() if at >= oldest}
        hosts = (h for h, own in self._seen_at if own.covers(prefix) or prefix.covers(own))
        return list(dict.fromkeys(hosts))


class Solicitor:
    """Sends SMRs, no more than RFC 9301 wants. nonces: a fresh 64-bit nonce at each call."""

    def __init__(self, nonces: Callable[[], int]) -> None:
        self._nonces = nonces
        self._changes: dict[tuple[str, EidPrefix], _Change] = {}
        self._last_sent: dict[str, float] = {}

    def solicit(self, host: str, prefix: EidPrefix, now: float) -> None:
        """Have a locator hear that a prefix has changed; what is under way goes on."""
        self._changes.setdefault((host, prefix), _Change(SENDS_LIMIT, now))

    def asked(self, host: str, eid: EidPrefix) -> None:
        """A locator asked for an EID: it knows, or will soon."""
        known = [pair for pair in self._changes if pair[0] == host and pair[1].covers(eid)]
        for pair in known:
            del self._changes[pair]

    def next_deadline(self) -> float | None:
        """When to call :meth:`expire`."""
        return min((one.due for one in self._changes.values()), default=None)

    def expire(
        self, own_for: Callable[[str], str | None], now: float
    ) -> list[tuple[bytes, str, str, EidPrefix]]:
        """SMRs to send: octets, locator, own address, EID-Prefix.

        own_for: the own address of a locator's version; without one nothing can be said.
        """
        found = []
        for (host, prefix), change in list(self._changes.items()):
            if change.due > now:
                continue
            own = own_for(host)
            if own is None or not change.sends_left:
                del self._changes[host, prefix]
                continue
            free_at = self._last_sent.get(host, now - PACE_SECONDS) + PACE_SECONDS
            if free_at > now:
                change.due = free_at
                continue
            self._last_sent[host] = now
            change.sends_left -= 1
            change.due = now + PACE_SECONDS
            found.append((solicit_map_request(prefix, own, self._nonces()), host, own, prefix))
        if not self._changes:
            self._last_sent = {
                h: at for h, at in self._last_sent.items() if at > now - PACE_SECONDS
            }
        return found


def solicit_map_request(prefix: EidPrefix, own: str, nonce: int) -> bytes:
    """An SMR about one changed EID-Prefix; no Map-Reply is wanted (D bit).

    The Source-EID is in the prefix too: there are receivers that look at either.
    """
    address, mask_len = from_eid_prefix(prefix)
    source, _ = from_eid_prefix(EidPrefix(0, prefix.family, prefix.network, prefix.length))
    source_eid: Address = source if isinstance(source, Ipv4 | Ipv6) else NoAddress()
    return MapRequest(
        nonce=nonce,
        source_eid=source_eid,
        itr_rlocs=(ip_address(own),),
        records=(MapRequestRecord(address, mask_len),),
        smr=True,
        dont_map_reply=True,
    ).octets()


class Pace:
    """One go in PACE_SECONDS for each EID-Prefix."""

    def __init__(self) -> None:
        self._last: dict[EidPrefix, float] = {}

    def free_at(self, prefix: EidPrefix, now: float) -> float:
        """When it may be done next, which is then noted: now, or as soon as that is over."""
        recent = now - PACE_SECONDS
        at = max(now, self._last.get(prefix, recent) + PACE_SECONDS)
        self._last = {held: last for held, last in self._last.items() if last > recent}
        self._last[prefix] = at
        return at

    def allows(self, prefix: EidPrefix, now: float) -> bool:
        """Whether it may be done now; that is then noted."""
        if self._last.get(prefix, now - PACE_SECONDS) + PACE_SECONDS > now:
            return False
        return self.free_at(prefix, now) == now
