"""Durations counted into buckets with plain integers, for whoever measures on a busy path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts by upper bound; what is above the last bound is counted too.

    bounds: rising, in seconds. counts: one more than bounds, each for its own bucket
    alone. total_seconds: of everything observed.
    """

    __slots__ = ("bounds", "counts", "total_seconds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total_seconds = 0.0

    def observe(self, seconds: float, count: int = 1) -> None:
        """Count something, or several things alike, that took this long each."""
        self.counts[bisect_left(self.bounds, seconds)] += count
        self.total_seconds += seconds * count
