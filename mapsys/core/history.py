"""The history of EID-Prefixes: what happened to each, when, and which xTR it was.

Kept in the store within bounds: so many entries for each EID-Prefix, so many in all,
none older than the operator wants to keep. It says where people were, so it can be
switched off, and what was kept goes then. Refreshes are no entries.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final, NamedTuple

from mapsys.core.details import packed_host
from mapsys.eid import EidPrefix
from mapsys.history_rows import Recorded
from mapsys.store import Store

HISTORY_PER_EID: Final = 32
HISTORY_ENTRIES: Final = 200_000
RETENTION_SECONDS: Final = 30 * 86_400

PREVIOUS_LIMIT: Final = 8
"""Former xTRs that are named in one entry; there is mostly one."""

DROP_SLICE: Final = 256
"""Entries that one call of ``expire`` forgets at most."""

_HEAD: Final = struct.Struct(">QBB?BB")
"""Seconds since 1970, what happened, key-id, whether merging had been asked for, xTRs named,
octets of the site's name."""


class Happening(StrEnum):
    """What happened to an EID-Prefix.

    REGISTERED: by the first xTR. JOINED: by one more. CHANGED: by the same, otherwise.
    MOVED: by another xTR, in place of those before. WITHDRAWN: by its owner. EXPIRED:
    it was not refreshed. REMOVED: the configuration no longer allowed it. LATE: an xTR
    that it had moved away from went on to register it, which changed nothing.
    """

    REGISTERED = "registered"
    JOINED = "joined"
    CHANGED = "changed"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REMOVED = "removed"
    LATE = "late"


_CODES: Final = tuple(Happening)
"""A code is a place in here: new ones go behind."""

_CODE_OF: Final = {what: code for code, what in enumerate(_CODES)}


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """per_eid, entries: at least 1. retention_seconds: by the wall clock."""

    per_eid: int = HISTORY_PER_EID
    entries: int = HISTORY_ENTRIES
    retention_seconds: int = RETENTION_SECONDS


class Mover(NamedTuple):
    """An xTR: its registrant octets (``store.Registration``), and the address it signed from."""

    registrant: bytes
    host: str


class Entry(NamedTuple):
    """One entry; at: seconds since 1970.

    by: the xTR that did it, or whose registration ended. previous: up to PREVIOUS_LIMIT
    of the xTRs that it came from; of a first registration, those of the site
    that hold the EID-Prefix around it, since its hosts were there before. merge_conflict: they had
    asked to be merged, and the new one did not.
    """

    eid: EidPrefix
    at: int
    what: Happening
    site: str
    by: Mover
    key_id: int
    previous: tuple[Mover, ...] = ()
    merge_conflict: bool = False

    def pack(self) -> bytes:
        """Octets for the store, the EID-Prefix left out."""
        name = self.site.encode()
        movers = (self.by, *self.previous)
        code = _CODE_OF[self.what]
        head = _HEAD.pack(self.at, code, self.key_id, self.merge_conflict, len(movers), len(name))
        return head + name + b"".join(map(_pack_mover, movers))

    @classmethod
    def unpack(cls, eid: EidPrefix, octets: bytes) -> Entry:
        """From the store. Raises ValueError where the octets are damaged."""
        try:
            at, code, key_id, merge_conflict, count, name_octets = _HEAD.unpack_from(octets)
            offset = _HEAD.size + name_octets
            site = octets[_HEAD.size : offset].decode()
            movers = []
            for _ in range(count):
                mover, offset = _read_mover(octets, offset)
                movers.append(mover)
            by, previous = movers[0], tuple(movers[1:])
            return cls(eid, at, _CODES[code], site, by, key_id, previous, merge_conflict)
        except (struct.error, IndexError, ValueError) as error:
            raise ValueError(f"a damaged entry of the history: {error}") from error


class Numbered(NamedTuple):
    """An entry with its number, which rises from entry to entry."""

    number: int
    entry: Entry


def _pack_mover(mover: Mover) -> bytes:
    host = packed_host(mover.host)
    return bytes((len(mover.registrant), host[0])) + mover.registrant + host[1:]


def _read_mover(octets: bytes, offset: int) -> tuple[Mover, int]:
    middle = offset + 2 + octets[offset]
    end = middle + octets[offset + 1]
    if end > len(octets):
        raise ValueError("it is cut short")
    host = str(ipaddress.ip_address(octets[middle:end]))
    return Mover(octets[offset + 2 : middle], host), end


def _at(recorded: Recorded) -> int:
    """When it was, without reading the rest."""
    return int.from_bytes(recorded.facts[:8], "big")


class History:
    """Records in a store what happened, and forgets it again."""

    def __init__(self, store: Store, limits: HistoryLimits | None, wall_offset: float) -> None:
        """limits: None keeps no history, and forgets what there is.

        wall_offset: seconds since 1970 minus the core's clock.
        """
        self._store = store
        self._limits = limits
        self._wall_offset = wall_offset
        self._oldest: tuple[int | None, float] = None, inf
        """The entry that ends next, and when it was: asked for with every new one."""

    def record(
        self,
        what: Happening,
        eid: EidPrefix,
        site: str,
        by: Mover,
        key_id: int,
        *,
        previous: tuple[Mover, ...] = (),
        merge_conflict: bool = False,
        now: float,
    ) -> None:
        """Something has happened. The oldest entries give way where a bound is reached.

        An xTR that is late is told of once, until something else happens.
        """
        limits = self._limits
        if limits is None or (what is Happening.LATE and self._is_told_late(eid, by)):
            return
        rows = self._store.history
        at = int(now + self._wall_offset)
        named = previous[:PREVIOUS_LIMIT]
        entry = Entry(eid, at, what, site, by, key_id, named, merge_conflict)
        if rows.add(eid, entry.pack()):
            for over in rows.older(eid, limits.per_eid):
                rows.drop(over)
        if len(rows) > limits.entries or self._oldest_at() + limits.retention_seconds <= at:
            self._forget(limits.entries, at)

    def _is_told_late(self, eid: EidPrefix, by: Mover) -> bool:
        for recorded in self._store.history.of(eid):
            entry = Entry.unpack(eid, recorded.facts)
            if entry.what is not Happening.LATE:
                return False
            if entry.by.registrant == by.registrant:
                return True
        return False

    def of(self, eid: EidPrefix, now: float, before: int | None = None) -> list[Numbered]:
        """The entries of every EID-Prefix that covers the EID, newest first.

        before: only those with lower numbers.
        """
        if self._limits is None:
            return []
        rows = self._store.history
        oldest = now + self._wall_offset - self._limits.retention_seconds
        found = [
            recorded
            for prefix in rows.covering(eid)
            for recorded in rows.of(prefix)
            if _at(recorded) >= oldest and (before is None or recorded.number < before)
        ]
        found.sort(reverse=True)
        return [Numbered(one.number, Entry.unpack(one.eid, one.facts)) for one in found]

    def next_deadline(self) -> float | None:
        """When there is something to forget."""
        rows = self._store.history
        if self._limits is None or len(rows) > self._limits.entries:
            return 0.0 if len(rows) else None
        ends = self._oldest_at() + self._limits.retention_seconds - self._wall_offset
        return None if ends == inf else ends

    def _oldest_at(self) -> float:
        """When the oldest entry was; infinite where there is none."""
        rows = self._store.history
        number = rows.oldest_number
        if number != self._oldest[0]:
            oldest = rows.oldest()
            self._oldest = number, inf if oldest is None else _at(oldest)
        return self._oldest[1]

    def expire(self, now: float) -> None:
        """Forget what is too old or too much, a slice at a time."""
        limit = 0 if self._limits is None else self._limits.entries
        self._forget(limit, now + self._wall_offset)

    def _forget(self, limit: int, wall: float) -> None:
        rows = self._store.history
        retention = 0 if self._limits is None else self._limits.retention_seconds
        for _ in range(DROP_SLICE):
            oldest = rows.oldest()
            if oldest is None:
                return
            if _at(oldest) + retention > wall and len(rows) <= limit:
                return
            rows.drop(oldest.number)
