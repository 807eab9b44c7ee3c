"""History: what happened to which EID-Prefix, as octets in the order in which it happened.

Part of a store: every change goes into the store's change log. A row is a cell of an
arena and two numbers in arrays, so that hundreds of thousands of them stay cheap.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, MutableSequence
from itertools import compress
from typing import Final, NamedTuple

from mapsys.arena import Arena
from mapsys.change_log import Change, DropHistory, RecordHistory, pack, pack_history
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable

FIRST: Final = 1

_BEFORE: Final = struct.Struct(">Q")
"""How a cell begins: the number of the row before it of the same EID-Prefix, or 0."""

_GONE: Final = 0
"""In place of a cell; no cell has this number."""

_SLACK: Final = 64
"""Dropped rows that may stand in the arrays beside as many as there are others."""


class Recorded(NamedTuple):
    """One row; a view. number: rises from row to row. facts: what only the core reads."""

    number: int
    eid: EidPrefix
    facts: bytes


class HistoryRows:
    """Rows of all EID-Prefixes in one order, oldest first, and newest first by EID-Prefix.

    Of each EID-Prefix the oldest row is the first to be dropped, save where all go.
    """

    def __init__(self, log: Callable[[bytes], None]) -> None:
        """log: takes each packed change."""
        self._log = log
        self._arena = Arena()
        self._numbers = array("Q")
        self._cells = array("Q")
        """By place; the places of both arrays go together."""
        self._oldest = 0
        """No row stands before this place."""
        self._newest: PrefixTable[int] = PrefixTable(_numbers)
        self._size = 0
        self._last = FIRST - 1

    def __len__(self) -> int:
        return self._size

    def add(self, eid: EidPrefix, facts: bytes) -> bool:
        """Record what happened to an EID-Prefix now; whether it has older rows, too.

        facts: at most 65,535 octets, else ValueError.
        """
        row = eid.pack() + facts
        try:
            packed = pack_history(self._last + 1, row, len(facts))
        except struct.error as error:
            raise ValueError(f"a change does not fit the log: {error}") from None
        has_older = self._add(self._last + 1, eid, row)
        self._log(packed)
        return has_older

    def _add(self, number: int, eid: EidPrefix, row: bytes) -> bool:
        """row: the packed EID-Prefix, and the facts."""
        before = self._newest.exchange(eid, number) or 0
        self._numbers.append(number)
        self._cells.append(self._arena.hold(_BEFORE.pack(before) + row))
        self._size += 1
        self._last = number
        return before != 0

    def drop(self, number: int) -> None:
        """Forget one row."""
        if self._drop(number):
            self._log(pack(DropHistory(number)))

    def _drop(self, number: int) -> bool:
        place = self._place(number)
        if place is None:
            return False
        before, recorded = self._read(number, place)
        self._arena.release(self._cells[place])
        self._cells[place] = _GONE
        self._size -= 1
        if self._newest.get(recorded.eid) == number:
            if self._place(before) is None:
                self._newest.remove(recorded.eid)
            else:
                self._newest.put(recorded.eid, before)
        if len(self._cells) > 2 * self._size + _SLACK:
            self._numbers = array("Q", compress(self._numbers, self._cells))
            self._cells = array("Q", filter(None, self._cells))
            self._oldest = 0
        return True

    @property
    def oldest_number(self) -> int | None:
        """The number of the row recorded first of those that are left."""
        while self._oldest < len(self._cells) and self._cells[self._oldest] == _GONE:
            self._oldest += 1
        return self._numbers[self._oldest] if self._oldest < len(self._cells) else None

    def oldest(self) -> Recorded | None:
        """That row."""
        number = self.oldest_number
        return None if number is None else self._read(number, self._oldest)[1]

    def of(self, eid: EidPrefix) -> Iterator[Recorded]:
        """The rows of exactly this EID-Prefix, newest first."""
        number = self._newest.get(eid) or 0
        while (place := self._place(number)) is not None:
            before, recorded = self._read(number, place)
            yield recorded
            number = before

    def older(self, eid: EidPrefix, kept: int) -> Iterator[int]:
        """The numbers of the rows of exactly this EID-Prefix but for the newest ``kept``."""
        number = self._newest.get(eid) or 0
        while (place := self._place(number)) is not None:
            (before,) = _BEFORE.unpack_from(self._arena.read(self._cells[place]))
            if kept > 0:
                kept -= 1
            else:
                yield number
            number = before

    def covering(self, eid: EidPrefix) -> Iterator[EidPrefix]:
        """The EID-Prefixes around the EID (itself included) that there are rows of."""
        for prefix, _ in self._newest.covering(eid):
            yield prefix

    def _place(self, number: int) -> int | None:
        place = bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number:
            return None
        return None if self._cells[place] == _GONE else place

    def _read(self, number: int, place: int) -> tuple[int, Recorded]:
        """The number of the row before it of the same EID-Prefix, and the row."""
        octets = self._arena.read(self._cells[place])
        (before,) = _BEFORE.unpack_from(octets)
        eid, end = EidPrefix.unpack(octets, _BEFORE.size)
        return before, Recorded(number, eid, octets[end:])

    def apply(self, change: Change) -> None:
        """Read a change back; ones about other things are left alone."""
        if isinstance(change, RecordHistory):
            number, eid, facts = change
            if number > self._last:
                self._add(number, eid, eid.pack() + facts)
        elif isinstance(change, DropHistory):
            self._drop(change.number)


def _numbers() -> MutableSequence[int]:
    return array("Q")
