"""Moves: what happened to whom, as octets in the order in which it happened, until it is dropped.

Part of a store: every change goes into the store's change log.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from mapsys.change_log import Change, DropMove, RecordMove, pack
from mapsys.eid import EidPrefix

FIRST: Final = 1


class Recorded(NamedTuple):
    """One move; a view. number: rises from move to move. facts: what only the core reads."""

    number: int
    eid: EidPrefix
    facts: bytes


class Moves:
    """Moves of all EID-Prefixes in one row, oldest first, and by EID-Prefix."""

    def __init__(self, log: Callable[[bytes], None]) -> None:
        """log: takes each packed change."""
        self._log = log
        self._held: dict[int, bytes] = {}
        """Packed EID-Prefix and facts, by number, in the order of the numbers."""
        self._numbers: dict[bytes, array[int]] = {}
        self._last = FIRST - 1

    def __len__(self) -> int:
        return len(self._held)

    def add(self, eid: EidPrefix, facts: bytes) -> None:
        """Record the newest move of an EID-Prefix.

        facts: at most 65,535 octets, else ValueError.
        """
        change = RecordMove(self._last + 1, eid, facts)
        packed = pack(change)
        self._add(change)
        self._log(packed)

    def _add(self, change: RecordMove) -> None:
        number, eid, facts = change
        if number in self._held:
            return
        key = eid.pack()
        self._held[number] = key + facts
        self._numbers.setdefault(key, array("Q")).append(number)
        self._last = max(self._last, number)

    def drop(self, number: int) -> None:
        """Forget one move."""
        if self._drop(number):
            self._log(pack(DropMove(number)))

    def _drop(self, number: int) -> bool:
        if number not in self._held:
            return False
        recorded = self._view(number)
        key = recorded.eid.pack()
        del self._held[number]
        self._numbers[key].remove(number)
        if not self._numbers[key]:
            del self._numbers[key]
        return True

    @property
    def oldest_number(self) -> int | None:
        """The number of the move recorded first of those that are left."""
        return next(iter(self._held), None)

    def oldest(self) -> Recorded | None:
        """That move."""
        number = self.oldest_number
        return None if number is None else self._view(number)

    def of(self, eid: EidPrefix) -> Iterator[Recorded]:
        """The moves of exactly this EID-Prefix, oldest first."""
        for number in self._numbers.get(eid.pack(), ()):
            yield self._view(number)

    def count(self, eid: EidPrefix) -> int:
        """How many those are."""
        return len(self._numbers.get(eid.pack(), ()))

    def _view(self, number: int) -> Recorded:
        octets = self._held[number]
        eid, end = EidPrefix.unpack(octets)
        return Recorded(number, eid, octets[end:])

    def apply(self, change: Change) -> None:
        """Read a change back; ones about other things are left alone."""
        if isinstance(change, RecordMove):
            self._add(change)
        elif isinstance(change, DropMove):
            self._drop(change.number)
