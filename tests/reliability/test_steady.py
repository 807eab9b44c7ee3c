"""What is bounded fills, and from then on memory stays as it is."""

from __future__ import annotations

import gc
import tracemalloc

from mapsys.event_ring import EventRing
from mapsys.store_pure import PureStore
from tests.reliability.steady import lifetimes

LIFETIME_SECONDS = 4
PER_SECOND = 50
EIDS = 20
FILLING = 8
"""Lifetimes until the history of each EID, and the event ring, are full."""

LATER = 5
OCTETS_OF_A_REGISTER = 32
"""What one may leave behind: less than a digest that is never forgotten, and room for the arrays of
the history, which double before they are drawn together again."""


def test_memory_stays_once_what_is_bounded_is_full() -> None:
    store, ring = PureStore(), EventRing(limit=1_000)
    passed = lifetimes(store, ring, LIFETIME_SECONDS, PER_SECOND, EIDS)
    for _ in range(FILLING):
        next(passed)
    tracemalloc.start()
    try:
        for _ in range(LATER):
            next(passed)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(LATER):
            next(passed)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(store) > 0
    assert ring.last + 1 - ring.first == 1_000
    assert grown <= OCTETS_OF_A_REGISTER * LATER * LIFETIME_SECONDS * PER_SECOND
