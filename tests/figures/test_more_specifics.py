"""A site that registers without end holds what it may, and the ALT hears nothing of it."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from alt.node_sites import LiveSites
from mapsys.core.effects import Endpoint, Refused
from mapsys.core.site import EidRule
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import Driven, mspa
from tests.core.world import ONE, Etr, World, of, record, site
from tests.figures.record import scaled, wanted

SENT = 100_000
RECORDS = 25
LIMIT = 10_000
MEGABYTES = 50
SITE = "198.18.2.0/24"
INSIDE = "2001:db8:e000:2::/64"


def resident_megabytes() -> float:
    """Memory of this process that is not swapped out or given back."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.timeout(300 * scaled(1))
def test_a_flood_of_more_specifics_ends_at_the_limit() -> None:
    plain = site("one", ONE, INSIDE, SITE)
    rules = tuple(
        EidRule(EidPrefix.parse(text), accept_more_specifics=True, more_specifics_limit=LIMIT)
        for text in (INSIDE, SITE)
    )
    world = World(sites=(type(plain)(plain.name, plain.keys, rules),))
    alt, live = Driven(mspa()), LiveSites(world.engine, world.store, (0,))
    etr, source = Etr(), Endpoint("192.0.2.1", 4342)
    alt.up("arin", "etr1")
    for event in live.observe(world.hear(etr.message(record(SITE, source.host)), source)):
        alt.send(event)
    alt.settle()
    refused = 0
    before = resident_megabytes()
    for first in range(0, scaled(SENT), RECORDS):
        records = [
            record(f"2001:db8:e000:2::{n >> 16:x}:{n & 0xFFFF:x}/128", source.host)
            for n in range(first, first + RECORDS)
        ]
        effects = world.hear(etr.message(*records), source)
        refused += len(of(Refused, effects))
        for event in live.observe(effects):
            # The site's own prefix comes alive once; that is no more-specific.
            assert str(event.prefix) == INSIDE
            alt.send(event)
        world.store.take_changes()
    alt.settle()
    used = max(0.0, resident_megabytes() - before)
    # Neighbours above hear of blocks alone; whatever is longer has leaked.
    updates = sum(prefix.length > 64 for held in alt.told.values() for prefix in held)
    held = len(world.store) - 1
    wanted("more-specifics held beyond the limit", held - LIMIT, 0, scaled(SENT))
    wanted("more-specifics: megabytes of memory", round(used, 1), MEGABYTES, scaled(SENT))
    wanted("more-specifics: BGP updates", updates, 0, scaled(SENT))
    assert (held, updates) == (LIMIT, 0)
    assert refused == (scaled(SENT) - LIMIT) // RECORDS
    assert used <= MEGABYTES
