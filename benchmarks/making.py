"""Makes the packets of a row, another part of the population each round."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from benchmarks.packets import Packet
from benchmarks.population import FORWARDED_SITES, HOSTS_A_SITE, NEVER_REGISTERED, SITES
from benchmarks.rows import Kind, Row
from benchmarks.traffic import Host, Registering, Signer, map_requests, requests_together

REPEATED: Final = 1_000
"""EIDs that are asked for in turn."""

REFRESHED: Final = 4_000
"""Map-Registers that are repeated in turn, at most."""

_ANSWERED: Final = range(FORWARDED_SITES, SITES)
_SITES: Final = {
    (Kind.REFRESH, 2, 1): range(FORWARDED_SITES, 400),
    (Kind.CHANGED, 2, 1): range(400, 600),
    (Kind.FIRST, 2, 1): range(400, 600),
    (Kind.REFRESH, 2, 20): range(600, 700),
    (Kind.CHANGED, 2, 20): range(700, 800),
    (Kind.FIRST, 2, 20): range(700, 800),
    (Kind.REFRESH, 1, 1): range(800, 900),
    (Kind.REFRESH, 3, 1): range(900, 1_000),
}
"""By kind, Algorithm ID and records: no row changes what another one refreshes."""

_STRIDE: Final = 1_000_003
"""A prime: steps of it visit each number below another once, far from one another."""


class Hosts:
    """The hosts of some sites with numbers in a range, again and again, in a fixed order."""

    def __init__(self, sites: range, numbers: range) -> None:
        self._sites, self._numbers = sites, numbers
        self.size = len(sites) * len(numbers)
        if not self.size or math.gcd(self.size, _STRIDE) != 1:
            raise ValueError(f"no order of {self.size} hosts")
        self.passed = 0

    def take(self, count: int) -> list[Host]:
        """The next so many."""
        first, self.passed = self.passed, self.passed + count
        return [self._host(place) for place in range(first, first + count)]

    def first(self, most: int) -> list[Host]:
        """Always the same, at most so many."""
        return [self._host(place) for place in range(min(most, self.size))]

    def _host(self, place: int) -> Host:
        at = place * _STRIDE % self.size
        return self._sites[at % len(self._sites)], self._numbers[at // len(self._sites)]


class Making:
    """The packets for a daemon with so many registrations; remembers what was used."""

    def __init__(self, count: int, ports: Sequence[int]) -> None:
        self._ports = ports
        self._signer = Signer()
        numbers = range(count // SITES)
        self._numbers = numbers
        self._asked = {
            Kind.PROXIED: Hosts(_ANSWERED, numbers),
            Kind.NEGATIVE: Hosts(_ANSWERED, range(NEVER_REGISTERED, HOSTS_A_SITE)),
            Kind.FORWARDED: Hosts(range(FORWARDED_SITES), numbers),
        }
        self._fresh = {records: self._unregistered(records) for records in (1, 20)}
        self._changed = {records: self._existing(records) for records in (1, 20)}

    def known(self, row: Row) -> list[Packet]:
        """What the server is to have met before a row's own packets come; maybe nothing."""
        if row.kind is Kind.REFRESH:
            return self.packets(row, self._pool_size(row))
        if row.kind.registers or row.once:
            return []
        return self.packets(row, 0)

    def packets(self, row: Row, enough: int) -> list[Packet]:
        """At most so many; of those that repeat, each once."""
        made = list(self._made(row, enough))
        return (
            requests_together(made) if row.traffic == "burst" and not row.kind.registers else made
        )

    def fresh(self, count: int) -> Iterator[tuple[Host, bytes]]:
        """So many hosts that were never registered, with a Map-Register of each."""
        wanted = list(itertools.islice(self._fresh[1], count))
        packets = self._signer.map_registers(wanted, alike=False)
        for one, packet in zip(wanted, packets, strict=True):
            yield (one.site, one.numbers[0]), packet.octets

    def _made(self, row: Row, enough: int) -> Iterator[Packet]:
        if not row.kind.registers:
            hosts = self._asked[row.kind]
            wanted = hosts.take(enough) if row.once else hosts.first(REPEATED)
            return map_requests(self._ports, wanted)
        return self._signer.map_registers(
            self._registering(row, enough), alike=row.traffic == "burst"
        )

    def _registering(self, row: Row, enough: int) -> Iterable[Registering]:
        if row.kind is Kind.FIRST:
            return itertools.islice(self._fresh[row.records], enough)
        if row.kind is Kind.CHANGED:
            return itertools.islice(self._changed[row.records], enough)
        return itertools.islice(itertools.cycle(self._pool(row)), enough)

    def _pool_size(self, row: Row) -> int:
        sites = _SITES[Kind.REFRESH, row.algorithm_id, row.records]
        return min(REFRESHED, len(sites) * (len(self._numbers) // row.records))

    def _pool(self, row: Row) -> Iterator[Registering]:
        sites = _SITES[Kind.REFRESH, row.algorithm_id, row.records]
        for site, group in Hosts(sites, range(len(self._numbers) // row.records)).first(REFRESHED):
            numbers = tuple(range(group * row.records, (group + 1) * row.records))
            yield Registering(site, numbers, row.algorithm_id)

    def _unregistered(self, records: int) -> Iterator[Registering]:
        """Each once; ends where there is none left."""
        for first in range(len(self._numbers), NEVER_REGISTERED - records, records):
            for site in _SITES[Kind.FIRST, 2, records]:
                yield Registering(site, tuple(range(first, first + records)))

    def _existing(self, records: int) -> Iterator[Registering]:
        """Over and over, each time with another weight."""
        groups = Hosts(
            _SITES[Kind.CHANGED, 2, records], range(max(1, len(self._numbers) // records))
        )
        for weight in itertools.cycle(range(51, 100)):
            for site, group in groups.first(groups.size):
                numbers = tuple(range(group * records, (group + 1) * records))
                yield Registering(site, numbers, weight=weight)
