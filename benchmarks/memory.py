"""What a store costs: ``python -m benchmarks.memory [COUNT] [native|pure] [--json]``.

Fills a store with registrations as the core makes them and prints one line: resident
memory for each; the longest pause of the garbage collector while all that goes on; in
processor time a full collection, a lookup (with that in a store of 1,000 for
comparison), and taking a registration in again from the change log, as a restart does.
In a process of its own. COUNT: 1,000 to 10,000,000, default 100,000.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.population import SITES, eid_of, fill
from benchmarks.result import Result
from mapsys.engine_choice import choose, new_store
from mapsys.store import Store

DEFAULT_COUNT: Final = 100_000
MAXIMUM_COUNT: Final = 10_000_000
FEW: Final = 1_000
PAGE_OCTETS: Final = 4096
LOOKUPS: Final = 20_000
DEADLINE: Final = 180.0

OCTETS_WANTED: Final = {"native": 200.0, "pure": 350.0}
LOOKUP_WANTED: Final = {"native": 1.5, "pure": 2.0}
PAUSE_WANTED_MILLISECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one store. octets, again_microseconds: for each registration.

    lookup, few_lookup: of one longest match, among all and among 1,000, microseconds.
    collection: a full garbage collection; pause: the longest one that came by itself.
    """

    count: int
    engine: str
    octets: float = 0.0
    pause_milliseconds: float = 0.0
    collections: int = 0
    collection_milliseconds: float = 0.0
    lookup_microseconds: float = 0.0
    few_lookup_microseconds: float = 0.0
    again_microseconds: float = 0.0

    def line(self) -> str:
        """For people."""
        return (
            f"{self.engine}, {self.count} registrations: {self.octets:.0f} octets each;"
            f" longest pause of {self.collections} garbage collections"
            f" {self.pause_milliseconds:.2f} ms, a full one {self.collection_milliseconds:.1f} ms;"
            f" lookup {self.lookup_microseconds:.2f} us"
            f" ({self.few_lookup_microseconds:.2f} us among {FEW});"
            f" taken in again at {self.again_microseconds:.2f} us each"
        )


def results_of(cost: Cost) -> list[Result]:
    """The same as rows of the table."""
    slower = cost.lookup_microseconds / (cost.few_lookup_microseconds or 1.0)
    octets, lookup = OCTETS_WANTED[cost.engine], LOOKUP_WANTED[cost.engine]
    figures = (
        ("memory of a registration", cost.octets, "B", octets),
        ("lookup, times that among 1,000", slower, "x", lookup),
        ("longest pause for garbage", cost.pause_milliseconds, "ms", PAUSE_WANTED_MILLISECONDS),
    )
    return [
        Result(
            name=f"{what}, {cost.count}, {cost.engine}",
            what=what,
            count=cost.count,
            traffic="",
            engine=cost.engine,
            value=value,
            low=value,
            high=value,
            unit=unit,
            wanted=wanted,
        )
        for what, value, unit, wanted in figures
    ]


def resident_octets() -> int:
    """What the kernel counts as this process's memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_OCTETS


@contextmanager
def pauses() -> Iterator[list[float]]:
    """Milliseconds of each garbage collection that comes by itself, by the clock."""
    found: list[float] = []
    began = 0.0

    def note(phase: str, _info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            found.append((time.perf_counter() - began) * 1e3)

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


def lookup_microseconds(store: Store, count: int) -> float:
    """Of one longest match, view included; of addresses all over the table."""
    source = random.Random(2)
    asked = [
        eid_of(place % SITES, place // SITES) for place in source.choices(range(count), k=LOOKUPS)
    ]
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


def measure(count: int, engine: str) -> Cost:
    """Fill a store here, and say what it cost."""
    choice = choose(engine)
    few = new_store(choice)
    for _ in fill(few, FEW, DEADLINE):
        pass
    before_lookup = lookup_microseconds(few, FEW)
    gc.collect()
    gc.freeze()
    store = new_store(choice)
    before = resident_octets()
    with pauses() as found:
        for _ in fill(store, count, DEADLINE):
            pass
        grown = resident_octets() - before
        lookup = lookup_microseconds(store, count)
    again, taken = new_store(choice), 0.0
    for changes in fill(new_store(choice), min(count, DEFAULT_COUNT), DEADLINE):
        began = time.process_time()
        again.apply(changes, 0.0)
        taken += time.process_time() - began
    return Cost(
        count=len(store),
        engine=choice.engine,
        octets=grown / len(store),
        pause_milliseconds=max(found, default=0.0),
        collections=len(found),
        collection_milliseconds=collection_milliseconds(),
        lookup_microseconds=lookup,
        few_lookup_microseconds=before_lookup,
        again_microseconds=taken / len(again) * 1e6,
    )


def main() -> int:
    """Exit code 0, or 2 where an argument is not as above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("count", type=int, nargs="?", default=DEFAULT_COUNT)
    parser.add_argument("engine", choices=("auto", "native", "pure"), nargs="?", default="auto")
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args()
    if not SITES <= arguments.count <= MAXIMUM_COUNT:
        parser.error(f"COUNT is {arguments.count}; give {SITES} to {MAXIMUM_COUNT}")
    # A child, so that nothing freed earlier is used again and makes the growth look small.
    code = (
        "import dataclasses, json; from benchmarks.memory import measure;"
        f" print(json.dumps(dataclasses.asdict(measure({arguments.count}, {arguments.engine!r}))))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    if child.returncode:
        print(child.stderr, file=sys.stderr, end="")
        return child.returncode
    print(child.stdout if arguments.json else Cost(**json.loads(child.stdout)).line())
    return 0


if __name__ == "__main__":
    sys.exit(main())
