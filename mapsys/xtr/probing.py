"""RLOC probes: which locators answer, and how soon (RFC 9301, 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_request import MapRequest, MapRequestRecord

WAIT_SECONDS: Final = 1.0
"""For the answer to one probe; the next follows at once."""

MISSED_LIMIT: Final = 3
"""Probes without an answer, after which a locator counts as down."""

JITTER_SHARE: Final = 0.25
"""Of the interval, so that probes of many locators do not march in step."""

LOCATORS_LIMIT: Final = 4_096


@dataclass(slots=True)
class ProbedLocator:
    """One locator. eid: the EID-Prefix of an entry that it stands in.

    rtt_seconds: of the last answer. missed: probes since then.
    """

    host: str
    eid: EidPrefix
    due: float
    nonce: int | None = None
    sent_at: float = 0.0
    missed: int = 0
    is_up: bool = True
    rtt_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """A locator went down, or came back."""

    locator: ProbedLocator


class Prober:
    """Probes what it is told to. random: numbers from 0 up to 1; nonces: 64-bit ones."""

    def __init__(
        self,
        interval_seconds: float,
        nonces: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self._interval_seconds = interval_seconds
        self._nonces = nonces
        self._random = random
        self._locators: dict[str, ProbedLocator] = {}

    def is_up(self, host: str) -> bool:
        """Whether packets may be sent there; so until probes say otherwise."""
        locator = self._locators.get(host)
        return locator is None or locator.is_up

    def locators(self) -> Iterable[ProbedLocator]:
        """All that are probed."""
        return self._locators.values()

    def watch(self, wanted: dict[str, EidPrefix], now: float) -> None:
        """Probe exactly these from now on; new ones soon, those there are as before."""
        for host in self._locators.keys() - wanted.keys():
            del self._locators[host]
        for host, eid in wanted.items():
            locator = self._locators.get(host)
            if locator is not None:
                locator.eid = eid
            elif len(self._locators) < LOCATORS_LIMIT:
                # Traffic has just begun; give the mapping a moment to settle.
                due = now + WAIT_SECONDS * (1 + self._random())
                self._locators[host] = ProbedLocator(host, eid, due)

    def hasten(self, host: str, now: float) -> None:
        """Probe one at the next call: something spoke against it."""
        locator = self._locators.get(host)
        if locator is not None and locator.nonce is None:
            locator.due = now

    def next_deadline(self) -> float | None:
        """When to call :meth:`expire`."""
        return min((one.due for one in self._locators.values()), default=None)

    def expire(
        self, itr_rlocs_for: Callable[[str], str | None], now: float
    ) -> list[tuple[bytes, str, str] | Changed]:
        """Probes to send, each with its locator and the own address; and what changed.

        itr_rlocs_for: the own address of a locator's version; without one there is no
        probe.
        """
        found: list[tuple[bytes, str, str] | Changed] = []
        for locator in self._locators.values():
            if locator.due > now:
                continue
            if locator.nonce is not None:
                locator.missed += 1
                locator.nonce = None
                if locator.missed == MISSED_LIMIT and locator.is_up:
                    locator.is_up = False
                    found.append(Changed(locator))
                if locator.missed >= MISSED_LIMIT:
                    locator.due = now + self._pause()
                    continue
            own = itr_rlocs_for(locator.host)
            if own is None:
                locator.due = now + self._pause()
                continue
            locator.nonce, locator.sent_at = self._nonces(), now
            locator.due = now + WAIT_SECONDS
            found.append((_probe(locator.eid, own, locator.nonce), locator.host, own))
        return found

    def answered(self, nonce: int, now: float) -> tuple[ProbedLocator, bool] | None:
        """The locator that a probe's nonce belongs to, and whether it had been down."""
        for locator in self._locators.values():
            if locator.nonce == nonce:
                was_down = not locator.is_up
                locator.nonce, locator.missed, locator.is_up = None, 0, True
                locator.rtt_seconds = now - locator.sent_at
                locator.due = now + self._pause()
                return locator, was_down
        return None

    def _pause(self) -> float:
        return self._interval_seconds * (1 + JITTER_SHARE * (self._random() - 0.5))


def _probe(eid: EidPrefix, own: str, nonce: int) -> bytes:
    address, mask_len = from_eid_prefix(eid)
    return MapRequest(
        nonce=nonce,
        source_eid=NoAddress(),
        itr_rlocs=(ip_address(own),),
        records=(MapRequestRecord(address, mask_len),),
        probe=True,
    ).octets()
