"""Budgets by source, network, destination, EID-Prefix and site (RFC 9301, 5.4; RFC 7835).

On the path: ``engine`` asks before a Map-Request is answered and before a MAC is
computed for somebody unknown, ``registrar`` once it is known whose Map-Register it
is, ``map_server`` before a Map-Reply leaves. Map-Requests and Map-Registers have
budgets of their own: neither can starve the other.
"""

from __future__ import annotations

import ipaddress
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Final

from mapsys.core.amplification import Proven, Unproven
from mapsys.core.shared_budgets import Host, SharedBuckets, SharedBudgets
from mapsys.core.slots import KeyedHash, Slots
from mapsys.eid import EidPrefix, Family

TABLE_SIZE: Final = 65_536
"""Buckets of one table."""

HOSTS_REMEMBERED: Final = 65_536
"""Addresses whose fingerprints need not be computed again."""

_SLACK: Final = 0.01
"""Tokens. What the rounding of thousands of sums may come to."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for long, so many at once."""

    per_second: float
    burst: float


UNLIMITED: Final = Rate(math.inf, math.inf)
"""No limit, where None already says to take somebody else's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of one server. A None switches a budget off.

    requests_per_source, requests_per_network: Map-Requests taken from one outer
    source address, and from the network around it.
    replies_per_destination, replies_per_network: Map-Replies to one RLOC, and to the
    network around it. RFC 9301, 5.4 recommends one in three seconds, which would
    starve an ITR with many flows; the budget for one EID-Prefix at one RLOC keeps
    that spirit.
    replies_per_prefix: Map-Replies to one RLOC for one EID-Prefix.
    registers_per_site: Map-Registers taken from one site after authentication, where
    the site has no rate of its own.
    unproven_registers_per_source, unproven_registers_per_network: MACs computed for
    an address that no Map-Register was accepted from lately, and for its network.
    first_bursts: octets of the first bursts to all destinations that nobody vouches
    for; None lifts the bound on what they get altogether (``core.amplification``).
    ipv4_network, ipv6_network: bits of an address that tell its network.
    """

    requests_per_source: Rate | None = Rate(2_000, 4_000)
    replies_per_destination: Rate | None = Rate(1_000, 2_000)
    replies_per_prefix: Rate | None = Rate(2, 10)
    registers_per_site: Rate | None = Rate(2_000, 20_000)
    requests_per_network: Rate | None = Rate(8_000, 16_000)
    replies_per_network: Rate | None = Rate(4_000, 8_000)
    unproven_registers_per_source: Rate | None = Rate(20, 100)
    unproven_registers_per_network: Rate | None = Rate(500, 2_000)
    first_bursts: Rate | None = Rate(65_536, 65_536)
    ipv4_network: int = 24
    ipv6_network: int = 56

    @classmethod
    def off(cls) -> Limits:
        """No limit at all: for tests and closed networks."""
        return cls(None, None, None, None, None, None, None, None, None)


class TokenBuckets:
    """One bucket for each key, in a table of fixed size.

    A key for which there is no room takes over the fullest bucket within its reach,
    with what is in it. So whoever floods the table from many addresses cannot win
    back what one of them has spent.
    """

    def __init__(
        self,
        rate: Rate | None,
        table_size: int = TABLE_SIZE,
        hashed: KeyedHash | None = None,
    ) -> None:
        self._rate = None if rate == UNLIMITED else rate
        self._size = table_size
        self._hashed = KeyedHash() if hashed is None else hashed
        self._slots: Slots | None = None
        self._full_at = array("d")
        """When each bucket will be full again: all there is to know of it."""
        self._refused = array("Q", [0])
        self._token_seconds, self._reach_seconds = 0.0, -math.inf
        if self._rate is not None and self._rate.burst >= 1.0:  # else nothing is ever given
            self._token_seconds = 1.0 / self._rate.per_second
            self._reach_seconds = _reach_seconds(self._rate)

    @property
    def refused(self) -> int:
        """How often there was no token, over all keys."""
        return self._refused[0]

    def take(
        self, key: str | bytes | int, now: float, rate: Rate | None = None, cost: float = 1.0
    ) -> bool:
        """Take tokens; False, and none taken, where there are too few.

        key: what the bucket is for; a number is its fingerprint already. rate: the
        key's own, None for the table's.
        """
        rate = rate or self._rate
        if rate is None or rate == UNLIMITED:
            return True
        if rate.burst < cost:
            self._refused[0] += 1
            return False
        if isinstance(key, str):
            key = key.encode()
        if not isinstance(key, int):
            key = self._hashed(key)
        slots = self._made() if self._slots is None else self._slots
        slot = slots.find(key)
        if slot < 0:
            slot = slots.claim(key, self._full_at)
        full_at = max(self._full_at[slot], now) + cost / rate.per_second
        if full_at - now > _reach_seconds(rate):
            self._refused[0] += 1
            return False
        self._full_at[slot] = full_at
        return True

    def take_token(self, fingerprint: int, now: float) -> bool:
        """``take`` of one token at the table's own rate: what every answer asks five times."""
        if self._rate is None:
            return True
        slots = self._made() if self._slots is None else self._slots
        slot = slots.find(fingerprint)
        if slot < 0:
            if self._rate.burst < 1.0:
                self._refused[0] += 1
                return False
            slot = slots.claim(fingerprint, self._full_at)
        full_at = self._full_at[slot]
        full_at = max(full_at, now)
        full_at += self._token_seconds
        if full_at - now > self._reach_seconds:
            self._refused[0] += 1
            return False
        self._full_at[slot] = full_at
        return True

    def has_token(self, key: int, now: float) -> bool:
        """Whether ``take`` would say yes; a no counts as one of its own."""
        if self._rate is None or self._slots is None:
            return True
        slot = self._slots.find(key)
        if (
            slot < 0
            or self._full_at[slot] - now
            <= (self._rate.burst + _SLACK - 1.0) / self._rate.per_second
        ):
            return True
        self._refused[0] += 1
        return False

    def _made(self) -> Slots:
        """The table, which takes memory only once it is used."""
        slots = self._slots = Slots(self._size)
        self._full_at = array("d", [-math.inf]) * slots.size
        return slots

    def shared(self) -> SharedBuckets:
        """The table itself."""
        rate = self._rate or UNLIMITED
        slots = self._made() if self._slots is None else self._slots
        return SharedBuckets(
            slots.owners, self._full_at, self._refused, rate.per_second, rate.burst, _SLACK
        )

    @property
    def is_limited(self) -> bool:
        """Whether there is a rate for keys that have none of their own."""
        return self._rate is not None

    def __len__(self) -> int:
        return 0 if self._slots is None else len(self._slots)


def _reach_seconds(rate: Rate) -> float:
    """How far ahead a bucket may be full again: one whose tokens are all taken is so far."""
    return (rate.burst + _SLACK) / rate.per_second


class Budgets:
    """All budgets of one engine.

    limit_requests: whether anything that is taken for a Map-Request has a limit.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        trusted: tuple[EidPrefix, ...] = (),
        hash_key: bytes = b"",
        proven: Proven | None = None,
    ) -> None:
        """trusted: IP prefixes whose addresses are answered without the bound for others.

        hash_key: secret, of this start. proven: kept when budgets are replaced.
        """
        self.limits = limits
        self.trusted = trusted
        self._hash_key = hash_key
        self._hashed = KeyedHash(hash_key)
        self._proven = Proven() if proven is None else proven
        self._tables = {
            "requests-per-source": self._table(limits.requests_per_source),
            "requests-per-network": self._table(limits.requests_per_network),
            "replies-per-destination": self._table(limits.replies_per_destination),
            "replies-per-network": self._table(limits.replies_per_network),
            "replies-per-prefix": self._table(limits.replies_per_prefix),
            "registers-per-site": self._table(limits.registers_per_site),
            "unproven-registers-per-source": self._table(limits.unproven_registers_per_source),
            "unproven-registers-per-network": self._table(limits.unproven_registers_per_network),
            "first-bursts": TokenBuckets(limits.first_bursts, 1),
        }
        self._request_tables = self._pair("requests-per-source", "requests-per-network")
        self._reply_tables = self._pair("replies-per-destination", "replies-per-network")
        self._register_tables = self._pair(
            "unproven-registers-per-source", "unproven-registers-per-network"
        )
        self._prefixes = self._tables["replies-per-prefix"]
        self._sites = self._tables["registers-per-site"]
        self._unproven = None if limits.first_bursts is None else Unproven(self._draw)
        self.limit_requests = any(
            (
                limits.requests_per_source,
                limits.requests_per_network,
                limits.replies_per_destination,
                limits.replies_per_network,
                limits.replies_per_prefix,
                limits.first_bursts,
            )
        )
        self.host = lru_cache(HOSTS_REMEMBERED)(self._host)

    def _table(self, rate: Rate | None) -> TokenBuckets:
        return TokenBuckets(rate, hashed=self._hashed)

    def _pair(self, host: str, network: str) -> tuple[TokenBuckets, TokenBuckets]:
        return self._tables[host], self._tables[network]

    def _draw(self, octets: float, now: float) -> bool:
        return self._tables["first-bursts"].take(0, now, cost=octets)

    def _host(self, host: str) -> Host:
        """The fingerprints of an address in text form."""
        address = ipaddress.ip_address(host)
        version = bytes((address.version,))
        bits = self.limits.ipv4_network if address.version == 4 else self.limits.ipv6_network
        network = int(address) >> (address.max_prefixlen - bits)
        family = Family.IPV4 if address.version == 4 else Family.IPV6
        own = EidPrefix(0, family, int(address), address.max_prefixlen)
        return Host(
            self._hashed(version + address.packed),
            self._hashed(b"network" + version + network.to_bytes(16, "big")),
            any(prefix.covers(own) for prefix in self.trusted),
        )

    def prefix(self, destination: str, about: EidPrefix | None) -> int:
        """The fingerprint of an EID-Prefix at an RLOC; None: of what is not about one."""
        return self._hashed(destination.encode() + b" " + (b"" if about is None else about.pack()))

    # Map-Requests

    def take_request(self, source: Host, now: float) -> bool:
        """Whether one more Map-Request is taken from an address."""
        by_source, by_network = self._request_tables
        return by_source.take_token(source.host, now) and by_network.take_token(source.network, now)

    def take_reply(self, destination: Host, prefix: int, now: float) -> bool:
        """Whether one more Map-Reply about the prefix may go to the RLOC."""
        by_destination, by_network = self._reply_tables
        return (
            self._prefixes.take_token(prefix, now)
            and by_destination.take_token(destination.host, now)
            and by_network.take_token(destination.network, now)
        )

    def take_octets(self, destination: Host, octets_in: int, octets_out: int, now: float) -> bool:
        """Whether a datagram of this size may go to an address, for what was received.

        octets_in: 0 for all but the first that one datagram received asks for.
        """
        if self._unproven is None or destination.trusted:
            return True
        if self._proven.holds(destination.host, now):
            return True
        return self._unproven.allow(destination.host, octets_in, octets_out, now)

    def allow(
        self, source: str, destination: str, octets_in: int, octets_out: int, now: float
    ) -> bool:
        """All that a Map-Reply has to ask, save the budget of its EID-Prefix, in one call."""
        towards = self.host(destination)
        by_destination, by_network = self._reply_tables
        return (
            self.take_request(self.host(source), now)
            and by_destination.take_token(towards.host, now)
            and by_network.take_token(towards.network, now)
            and self.take_octets(towards, octets_in, octets_out, now)
        )

    def admission(
        self, source: Host, destination: Host, prefix: int, octets_in: int, octets_out: int
    ) -> Callable[[float], bool]:
        """What one more answer to a Map-Request has to ask, all that is known of it looked up.

        source, destination: who asks, and who is answered. prefix: fingerprint of what is
        answered about, and to whom. octets_in, octets_out: the UDP payloads. Called with
        the time it takes from the budgets; False where one has nothing left.
        """
        return partial(
            self._admit, source, destination, prefix, octets_in=octets_in, octets_out=octets_out
        )

    def _admit(
        self,
        source: Host,
        destination: Host,
        prefix: int,
        now: float,
        *,
        octets_in: int,
        octets_out: int,
    ) -> bool:
        return (
            self.take_request(source, now)
            and self.take_reply(destination, prefix, now)
            and self.take_octets(destination, octets_in, octets_out, now)
        )

    # Map-Registers

    def may_prove(self, source: str, now: float) -> bool:
        """Whether an address has not used up what it may have looked at; takes nothing."""
        host = self.host(source)
        by_source, by_network = self._register_tables
        return self._proven.holds(host.host, now) or (
            by_source.has_token(host.host, now) and by_network.has_token(host.network, now)
        )

    def take_proof(self, source: str, now: float) -> bool:
        """Whether a MAC is computed for an address: always for one that is proven."""
        host = self.host(source)
        if self._proven.holds(host.host, now):
            return True
        by_source, by_network = self._register_tables
        return by_source.take_token(host.host, now) and by_network.take_token(host.network, now)

    def prove(self, source: Host, now: float) -> None:
        """A Map-Register from the address was accepted."""
        self._proven.note(source.host, now)

    def take_register(self, site: str, own: Rate | None, now: float) -> bool:
        """Whether one more Map-Register of the site is taken. own: the site's own rate."""
        return self._sites.take(site, now, own)

    def site(self, name: str) -> int:
        """The fingerprint by which ``take_register`` knows a site."""
        return self._hashed(name.encode())

    # Tables

    @cached_property
    def shared(self) -> SharedBudgets:
        """The tables themselves, for who asks them without a call."""

        def limited(name: str) -> SharedBuckets | None:
            table = self._tables[name]
            return table.shared() if table.is_limited else None

        return SharedBudgets(
            self._hash_key,
            limited("requests-per-source"),
            limited("requests-per-network"),
            limited("replies-per-destination"),
            limited("replies-per-network"),
            limited("replies-per-prefix"),
            limited("first-bursts"),
            self._sites.shared(),
            self._proven.shared(),
            None if self._unproven is None else self._unproven.shared(),
        )

    # Totals

    def refused(self) -> dict[str, int]:
        """How often each budget had nothing left, by its name in the configuration."""
        by_name = {name: table.refused for name, table in self._tables.items()}
        # What the pool says no to may still go out of what was received.
        by_name["first-bursts"] = 0 if self._unproven is None else self._unproven.refused
        return by_name
