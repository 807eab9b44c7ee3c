"""A soak in process on a virtual clock: what a Map-Server keeps, lifetime after lifetime.

``python -m tests.reliability.steady native 12`` prints the memory after each of them.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import replace

from mapsys.core.effects import Datagram, Endpoint
from mapsys.core.engine import Engine
from mapsys.core.limiter import Limits
from mapsys.engine_choice import choose, new_store
from mapsys.event_ring import EventRing
from mapsys.query_ledger import SiteLedger
from mapsys.store import Store
from tests.core.world import DEFAULTS, ONE, SERVER, Etr, record, site
from tests.reliability.load import resident_kib

SOURCE = Endpoint("192.0.2.1", 4342)
BEGIN = 1_000.0


def lifetimes(
    store: Store, ring: EventRing, lifetime_seconds: int, per_second: int, eids: int
) -> Iterator[None]:
    """Move so many EIDs about by chance, without end; comes back after each lifetime."""
    settings = replace(
        DEFAULTS,
        sites=(site("one", ONE, "10.1.0.0/16"),),
        limits=Limits(),
        lifetime_seconds=lifetime_seconds,
    )
    nonces = itertools.count(1)
    engine = Engine(store, settings, lambda: next(nonces), hash_key=bytes(32))
    etr, ledger, choice = Etr(SOURCE.host), SiteLedger(), random.Random(7009)
    for number in itertools.count(1):
        now = BEGIN + number / per_second
        eid = f"10.1.{choice.randrange(2)}.{choice.randrange(eids // 2)}/32"
        data = etr.message(record(eid, f"192.0.2.{choice.randrange(1, 255)}"))
        effects = engine.handle(Datagram(data, SOURCE, SERVER), now)
        ring.observe(effects, now)
        ledger.observe(effects, now)
        store.take_changes()
        if number % per_second == 0:
            engine.expire(now)
        if number % (per_second * lifetime_seconds) == 0:
            yield


def main() -> None:
    store = new_store(choose(sys.argv[1]))
    passed = lifetimes(store, EventRing(), 180, 60, 500)
    for number in range(1, int(sys.argv[2]) + 1):
        next(passed)
        print(f"after {number} lifetimes {resident_kib(os.getpid())} KiB", flush=True)


if __name__ == "__main__":
    main()
