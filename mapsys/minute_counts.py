"""How often something took place in each minute of the last hour, in two octets a minute."""

from __future__ import annotations

from array import array
from typing import Final

MINUTES: Final = 60

_HIGHEST: Final = 0xFFFF


class MinuteCounts:
    """A ring of counts; one beyond 65,535 stays there."""

    __slots__ = ("_counts", "_newest")

    def __init__(self, now: float) -> None:
        """now: any clock's seconds, the same for every call."""
        self._counts = array("H", bytes(2 * MINUTES))
        self._newest = int(now // 60)

    def count(self, now: float, times: int = 1) -> None:
        """It took place once more, or several times."""
        minute = self._turn_to(now) % MINUTES
        self._counts[minute] = min(self._counts[minute] + times, _HIGHEST)

    def last_hour(self, now: float) -> list[int]:
        """The counts of the last 60 minutes, the present one last; empty where all are 0."""
        behind = (self._turn_to(now) + 1) % MINUTES
        counts = self._counts[behind:] + self._counts[:behind]
        return counts.tolist() if any(counts) else []

    def _turn_to(self, now: float) -> int:
        minute = int(now // 60)
        for passed in range(max(self._newest + 1, minute - MINUTES + 1), minute + 1):
            self._counts[passed % MINUTES] = 0
        self._newest = max(self._newest, minute)
        return self._newest
