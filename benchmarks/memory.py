"""What a store costs: ``python -m benchmarks.memory [COUNT] [native|pure]``.

Fills a store with registrations as the core makes them and prints one line: resident
memory for each, and in processor time a full garbage collection, a lookup (with that
in a store of 1,000 for comparison), and taking a registration in again from the
change log, as a restart does. In a process of its own. COUNT: at most
10,000,000, default 100,000.

1,000 sites with one xTR each, 20 records a Map-Register, two locators a record;
60 % IPv4 and 40 % IPv6 hosts in no order, a third of them in 1,000 instances.
"""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mapsys.core.details import Details
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix, Family
from mapsys.engine_choice import choose, new_store
from mapsys.store import Store
from mapsys.wire.address import ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord

DEFAULT_COUNT: Final = 100_000
MAXIMUM_COUNT: Final = 10_000_000
FEW: Final = 1_000
PAGE_OCTETS: Final = 4096

SITES: Final = 1_000
RECORDS_A_MESSAGE: Final = 20
LOOKUPS: Final = 20_000


def resident_octets() -> int:
    """What the kernel counts as this process's memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_OCTETS


def eid_of(number: int) -> EidPrefix:
    """One host for each number."""
    instance_id = number % SITES + 1 if number % 3 == 0 else 0
    if number % 5 < 3:
        # An odd multiplier visits each address once, in no order.
        return EidPrefix(instance_id, Family.IPV4, number * 2_654_435_761 % 2**32, 32)
    return EidPrefix(instance_id, Family.IPV6, random.Random(number).getrandbits(128), 128)


def fill(store: Store, count: int) -> Iterator[bytes]:
    """Register so many, and give what the journal would be given meanwhile."""
    for first in range(0, count, RECORDS_A_MESSAGE):
        site = first // RECORDS_A_MESSAGE % SITES
        digest = random.Random(first).randbytes(16)
        registrant = random.Random(site).randbytes(16)
        hosts = [f"192.{2 * site // 256}.{2 * site % 256}.{host}" for host in (1, 2)]
        rlocs = tuple(RlocRecord(ip_address(host), 1, 50, 255, 0) for host in hosts)
        age = first % 180
        details = Details(
            site=f"site-{site}",
            key_id=1,
            algorithm_id=2,
            mac_length=16,
            flags=0x11,
            lifetime_seconds=180,
            first_registered=1_800_000_000 + age,
            source=Endpoint(hosts[0], 4342),
            local=Endpoint("192.0.2.1", 4342),
            site_id=bytes(8),
        ).pack()
        for number in range(first, min(first + RECORDS_A_MESSAGE, count)):
            eid = eid_of(number)
            record = EidRecord(1440, *from_eid_prefix(eid), rlocs).octets()
            store.put(
                eid,
                registrant,
                record=record,
                details=details,
                digest=digest,
                deadline=180.0 + age,
                published=record,
            )
        yield store.take_changes()[1]


def lookup_microseconds(store: Store, count: int) -> float:
    """Of one longest match, view included; of addresses all over the table."""
    source = random.Random(2)
    asked = [eid_of(source.randrange(count)) for _ in range(LOOKUPS)]
    began = time.process_time()
    for eid in asked:
        if store.longest_match(eid) is None:
            raise AssertionError(f"{eid} was registered and is not found")
    return (time.process_time() - began) / LOOKUPS * 1e6


def collection_milliseconds() -> float:
    """Of a full garbage collection."""
    began = time.process_time()
    gc.collect()
    return (time.process_time() - began) * 1e3


def measure(count: int, engine: str) -> str:
    """Fill a store here, and say what it cost."""
    choice = choose(engine)
    few = new_store(choice)
    for _ in fill(few, FEW):
        pass
    before_lookup = lookup_microseconds(few, FEW)
    gc.collect()
    gc.freeze()
    store = new_store(choice)
    before = resident_octets()
    for _ in fill(store, count):
        pass
    grown = resident_octets() - before
    pause = collection_milliseconds()
    lookup = lookup_microseconds(store, count)
    again, taken = new_store(choice), 0.0
    for changes in fill(new_store(choice), min(count, DEFAULT_COUNT)):
        began = time.process_time()
        again.apply(changes, 0.0)
        taken += time.process_time() - began
    return (
        f"{choice.engine}, {len(store)} registrations: {grown / len(store):.0f} octets each;"
        f" garbage collection {pause:.1f} ms;"
        f" lookup {lookup:.2f} us ({before_lookup:.2f} us among {FEW});"
        f" taken in again at {taken / len(again) * 1e6:.2f} us each"
    )


def main() -> int:
    """Exit code 0, or 2 where an argument is not as above."""
    argument = sys.argv[1] if len(sys.argv) > 1 else str(DEFAULT_COUNT)
    engine = sys.argv[2] if len(sys.argv) > 2 else "auto"
    if not argument.isdigit() or not 1 <= int(argument) <= MAXIMUM_COUNT:
        print(f"COUNT is {argument!r}; give 1 to {MAXIMUM_COUNT}", file=sys.stderr)
        return 2
    if engine not in ("auto", "native", "pure"):
        print(f"the engine is {engine!r}; give native or pure", file=sys.stderr)
        return 2
    # A child, so that nothing freed earlier is used again and makes the growth look small.
    child = [
        sys.executable,
        "-c",
        f"from benchmarks.memory import measure; print(measure({argument}, {engine!r}))",
    ]
    return subprocess.run(child, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
