"""The ALT's forwarding table: where a Map-Request for an EID goes next.

Fed by the control plane's FibChange, asked by the plane for every packet.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from alt.effects import FibChange, Local, Via
from mapsys.eid import WIDTH_BITS, EidPrefix, Family
from mapsys.table import PrefixTable

CACHE_SIZE: Final = 65_536
"""Destinations whose answer is kept until the next change; then it starts empty again."""

_FAMILY_BY_OCTETS: Final = {4: Family.IPV4, 16: Family.IPV6}


class FibEntry(NamedTuple):
    """A prefix and what happens to Map-Requests whose longest match it is."""

    prefix: EidPrefix
    target: Via | Local


class Fib:
    """Longest prefix match over the EIDs of one instance-ID, IPv4 and IPv6."""

    def __init__(self, instance_id: int) -> None:
        self.instance_id = instance_id
        self._table: PrefixTable[Via | Local] = PrefixTable()
        self._cache: dict[bytes, FibEntry | None] = {}

    def __len__(self) -> int:
        return len(self._table)

    def apply(self, change: FibChange) -> None:
        """Set, replace or remove one entry.

        Raises ValueError for a prefix of another instance-ID, or one that is
        neither IPv4 nor IPv6: the ALT cannot route it (RFC 6836, 6.2).
        """
        prefix = change.prefix
        if prefix.instance_id != self.instance_id:
            raise ValueError(f"{prefix} is not of instance-ID {self.instance_id}")
        if prefix.family not in (Family.IPV4, Family.IPV6):
            raise ValueError(f"{prefix} is neither IPv4 nor IPv6")
        self._cache.clear()
        if change.target is None:
            self._table.remove(prefix)
        else:
            self._table.put(prefix, change.target)

    def host(self, destination: bytes) -> EidPrefix:
        """The host EID-Prefix of a packed address, 4 or 16 octets."""
        family = _FAMILY_BY_OCTETS[len(destination)]
        return EidPrefix(
            self.instance_id, family, int.from_bytes(destination, "big"), WIDTH_BITS[family]
        )

    def longest_match(self, destination: bytes) -> FibEntry | None:
        """The entry for a packed address, 4 or 16 octets."""
        try:
            return self._cache[destination]
        except KeyError:
            pass
        found = self._table.longest_match(self.host(destination))
        entry = None if found is None else FibEntry(*found)
        if len(self._cache) >= CACHE_SIZE:
            self._cache.clear()
        self._cache[destination] = entry
        return entry

    def get(self, prefix: EidPrefix) -> Via | Local | None:
        """The target of exactly this prefix."""
        return self._table.get(prefix)

    def covering(self, eid: EidPrefix) -> list[EidPrefix]:
        """Every prefix that covers the EID-Prefix, longest first."""
        return [prefix for prefix, _ in self._table.covering(eid)]

    def way_up(self, prefix: EidPrefix) -> Via | None:
        """The tunnel of the longest covering prefix that leads to a neighbour."""
        for _, target in self._table.covering(prefix):
            if isinstance(target, Via):
                return target
        return None

    def hole(self, eid: EidPrefix, within: EidPrefix) -> EidPrefix:
        """The least-specific prefix around the EID that holds no entry but ``within``.

        within: the EID's longest match, so that every longer entry inside it
        parts from the EID at some bit.

        Source: RFC 9301, 8.4; the bound, RFC 6836, 4.2.
        """
        shortest, longest = within.length, eid.length
        while shortest < longest:
            middle = (shortest + longest) // 2
            if self._holds_only(within, eid.truncated(middle)):
                longest = middle
            else:
                shortest = middle + 1
        return eid.truncated(shortest)

    def free_around(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """The least-specific prefix around the EID that overlaps no entry at all.

        shortest: the length it may not be shorter than. None where an entry covers
        the EID or lies inside it.
        """
        return self._table.hole(eid, shortest)

    def _holds_only(self, within: EidPrefix, candidate: EidPrefix) -> bool:
        return all(prefix == within for prefix, _ in self._table.covered(candidate, limit=2))
