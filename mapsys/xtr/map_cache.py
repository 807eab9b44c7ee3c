"""The map-cache: mappings that were asked for, until their TTL ends (RFC 9300, 6)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.record_view import TTL_UNSET
from mapsys.table import PrefixTable
from mapsys.wire.records import EidRecord, RlocRecord

ENTRIES_LIMIT: Final = 1_000_000
"""Entries; beyond them the one whose time ends first gives way."""

TTL_MINUTES_DEFAULT: Final = 1_440
"""Where a record leaves its TTL to the receiver."""

TTL_MINUTES_LIMIT: Final = 7 * 1_440

REFRESH_SHARE: Final = 0.1
"""A mapping in use is asked for again in the last tenth of its lifetime."""

_ALL_UP: Final = 0xFFFFFFFF


@dataclass(slots=True)
class MapCacheEntry:
    """One mapping. rlocs: in record order, none in a negative one, whose action then counts.

    learned: "map-reply", "map-notify" or "probe". status_bits: the last
    Locator-Status-Bits from the site, all set until some came. used_at: when a packet
    last asked for it.
    """

    prefix: EidPrefix
    rlocs: tuple[RlocRecord, ...]
    action: int
    expires_at: float
    refresh_at: float
    learned: str
    used_at: float
    status_bits: int = _ALL_UP


class MapCache:
    """Entries by EID-Prefix, per instance-ID and family; found by longest match."""

    def __init__(self) -> None:
        self._entries: PrefixTable[MapCacheEntry] = PrefixTable()
        self._ends: list[tuple[float, EidPrefix]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, record: EidRecord, now: float, learned: str) -> MapCacheEntry | None:
        """Hold a record in place of the one before; with a TTL of 0 there is none then.

        Raises WireError where the record's EID cannot be read.
        """
        prefix = record.eid_prefix
        ttl_minutes = record.record_ttl_minutes
        if ttl_minutes == 0:
            self._entries.remove(prefix)
            return None
        if ttl_minutes == TTL_UNSET:
            ttl_minutes = TTL_MINUTES_DEFAULT
        lifetime = 60.0 * min(ttl_minutes, TTL_MINUTES_LIMIT)
        before = self._entries.get(prefix)
        entry = MapCacheEntry(
            prefix,
            record.rlocs,
            record.action,
            now + lifetime,
            now + lifetime * (1 - REFRESH_SHARE),
            learned,
            now if before is None else before.used_at,
        )
        self._entries.put(prefix, entry)
        heapq.heappush(self._ends, (entry.expires_at, prefix))
        while len(self._entries) > ENTRIES_LIMIT:
            self._end_first()
        return entry

    def longest_match(self, eid: EidPrefix, now: float) -> MapCacheEntry | None:
        """The entry that says where packets for an EID go."""
        for _, entry in self._entries.covering(eid):
            if entry.expires_at > now:
                return entry
        return None

    def overlapping(self, prefix: EidPrefix, now: float) -> list[MapCacheEntry]:
        """The longest entry that covers a prefix, and all inside it."""
        covering = self.longest_match(prefix, now)
        inside = [entry for held, entry in self._entries.covered(prefix) if held != prefix]
        return [*([covering] if covering is not None else []), *inside]

    def remove(self, prefix: EidPrefix) -> None:
        """Forget exactly this prefix, if there is one."""
        self._entries.remove(prefix)

    def entries(self) -> Iterator[MapCacheEntry]:
        """All of them, in table order; what has ended may be among them."""
        return (entry for _, entry in self._entries.items())

    def next_deadline(self) -> float | None:
        """When the next entry ends, or ended long ago and was replaced since."""
        return self._ends[0][0] if self._ends else None

    def expire(self, now: float) -> None:
        """Forget what has ended."""
        while self._ends and self._ends[0][0] <= now:
            self._end_first()

    def _end_first(self) -> None:
        ends_at, prefix = heapq.heappop(self._ends)
        entry = self._entries.get(prefix)
        if entry is not None and entry.expires_at == ends_at:
            self._entries.remove(prefix)
