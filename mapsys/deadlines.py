"""Deadlines: when each slot falls due, in a wheel that moves a slot only when it must.

A slot is filed under the second in which it will be looked at again. Moving its
deadline further away, which every refresh does, changes one number; the slot is
filed anew when its old second comes. No question ever reads all slots.
"""

from __future__ import annotations

import heapq
from array import array
from math import floor
from typing import Final

WORK_LIMIT: Final = 8192
"""Slots looked at in one :meth:`Deadlines.due`: about 4 ms."""

_NOT_FILED: Final = 2**63 - 1
_RIPE: Final = -(2**63)


class Deadlines:
    """Deadlines in seconds by slot number; slots are numbered densely from 0."""

    __slots__ = ("_at", "_buckets", "_filed", "_live", "_ripe", "_ripe_since", "_seconds")

    def __init__(self) -> None:
        self._at = array("d")
        self._filed = array("q")
        """The second each slot is filed under, or one of the two marks above."""
        self._buckets: dict[int, array[int]] = {}
        """Slots by second. An entry is void where the slot is filed elsewhere by now."""
        self._seconds: list[int] = []
        """The seconds of the buckets, as a heap."""
        self._ripe = array("I")
        """Slots found due and not yet cleared; void entries as in the buckets."""
        self._ripe_since = 0.0
        self._live = 0

    def set(self, slot: int, deadline: float) -> None:
        """Give a slot its deadline, or another one."""
        second = floor(deadline)
        if slot == len(self._at):
            self._at.append(deadline)
            self._filed.append(_NOT_FILED)
        self._at[slot] = deadline
        if self._filed[slot] == _NOT_FILED:
            self._live += 1
        if second < self._filed[slot]:
            self._file(slot, second)

    def _file(self, slot: int, second: int) -> None:
        self._filed[slot] = second
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = array("I")
            heapq.heappush(self._seconds, second)
        bucket.append(slot)

    def clear(self, slot: int) -> None:
        """The slot has no deadline any more."""
        self._filed[slot] = _NOT_FILED
        self._live -= 1

    def at(self, slot: int) -> float:
        """The deadline of a slot that has one."""
        return self._at[slot]

    def next_second(self) -> float | None:
        """When to ask :meth:`due`: at most 1 s after the earliest deadline; None: there is none."""
        if not self._live:
            return None
        while self._ripe and self._filed[self._ripe[-1]] != _RIPE:
            self._ripe.pop()
        return self._ripe_since if self._ripe else float(self._seconds[0] + 1)

    def due(self, now: float, limit: int) -> list[int]:
        """Up to ``limit`` slots whose deadline is not after ``now``; they stay due until cleared.

        Looks at no more than WORK_LIMIT slots: while :meth:`next_second` has
        passed, there may be more.
        """
        found = self._still_ripe(now, limit)
        work = WORK_LIMIT - len(found)
        while self._seconds and self._seconds[0] <= now and work > 0 and len(found) < limit:
            second = self._seconds[0]
            bucket, waiting = self._buckets[second], array("I")
            while bucket and work > 0 and len(found) < limit:
                work -= 1
                slot = bucket.pop()
                if self._filed[slot] != second:
                    continue
                deadline = self._at[slot]
                if deadline <= now:
                    self._filed[slot] = _RIPE
                    self._ripe.append(slot)
                    found[slot] = None
                elif floor(deadline) == second:
                    waiting.append(slot)
                else:
                    self._file(slot, floor(deadline))
            bucket.extend(waiting)
            if bucket:
                break
            del self._buckets[second]
            heapq.heappop(self._seconds)
        if found:
            self._ripe_since = now
        return list(found)

    def _still_ripe(self, now: float, limit: int) -> dict[int, None]:
        """Slots found due earlier that are so still; the void and the postponed are let go."""
        found: dict[int, None] = {}
        index = len(self._ripe)
        lowest = index - WORK_LIMIT
        while index > max(lowest, 0) and len(found) < limit:
            index -= 1
            slot = self._ripe[index]
            if self._filed[slot] == _RIPE:
                deadline = self._at[slot]
                if deadline <= now:
                    found[slot] = None
                    continue
                self._file(slot, floor(deadline))
            last = self._ripe.pop()
            if index < len(self._ripe):
                self._ripe[index] = last
        return found
