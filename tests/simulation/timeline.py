"""Virtual time: what is to happen, and when."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

HALF = 0.5
"""Events fall on half seconds; the server's own deadlines fall on whole ones."""


class Timeline:
    """Events in the order of their times; those of one time in an order that the seed draws."""

    def __init__(self, rng: Random, seconds: float) -> None:
        self.now = seconds + HALF
        self.steps = 0
        self._rng = rng
        self._events: list[tuple[float, float, int, Callable[[], None]]] = []
        self._count = 0

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Once, that much later."""
        self._count += 1
        at = int(self.now + seconds) + HALF
        heapq.heappush(self._events, (at, self._rng.random(), self._count, what))

    def every(self, seconds: int, what: Callable[[], None]) -> None:
        """Now, and again and again, about that much later."""
        self.later(
            self._rng.randint(seconds // 2, seconds * 3 // 2), lambda: self.every(seconds, what)
        )
        what()

    @property
    def next_at(self) -> float:
        """When the next event is due."""
        return self._events[0][0]

    def step(self) -> None:
        """Go on to the next event, and let it happen."""
        self.now = self.next_at
        self.steps += 1
        heapq.heappop(self._events)[3]()
