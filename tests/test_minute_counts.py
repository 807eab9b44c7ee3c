"""Counts by minutes: what is an hour old is gone, and nothing runs over."""

from __future__ import annotations

from mapsys.minute_counts import MINUTES, MinuteCounts


def test_counts_stand_in_their_minutes() -> None:
    counts = MinuteCounts(600.0)
    for now in (600.0, 659.9, 660.0, 780.0):
        counts.count(now)
    assert counts.last_hour(790.0)[-4:] == [2, 1, 0, 1]
    assert counts.last_hour(850.0)[-5:] == [2, 1, 0, 1, 0]
    assert len(counts.last_hour(850.0)) == MINUTES


def test_what_is_an_hour_old_is_gone() -> None:
    counts = MinuteCounts(0.0)
    counts.count(0.0)
    assert counts.last_hour(59 * 60.0) == [1, *[0] * 59]
    assert counts.last_hour(60 * 60.0) == []
    counts.count(10_000 * 60.0)
    assert counts.last_hour(10_000 * 60.0) == [*[0] * 59, 1]


def test_a_flood_in_one_minute_stays_at_the_highest_count() -> None:
    counts = MinuteCounts(0.0)
    for _ in range(70_000):
        counts.count(1.0)
    assert counts.last_hour(1.0)[-1] == 65_535
