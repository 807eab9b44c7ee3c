"""``python -m tests.reliability chaos|soak``: the long runs, bounded, each ending in a table."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.daemon.node import Node
from tests.figures.record import Figure
from tests.reliability.amplification import spoofed
from tests.reliability.by_test import TESTED, by_fault_tests, by_test
from tests.reliability.floods import flood, malformed
from tests.reliability.forked import ForkedNode
from tests.reliability.kills import kills
from tests.reliability.reloads import reloads
from tests.reliability.soak import soak


@contextmanager
def fresh_node(kind: type[Node] = Node) -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="mapsys-chaos-") as folder:
        node = kind(Path(folder))
        try:
            yield node
        finally:
            node.close()


def chaos(options: argparse.Namespace) -> Iterator[Figure]:
    """Kills, reloads, garbage, a flood, spoofed requests, then what has a test; 0 is left out."""
    seed = options.seed
    if options.kills:
        with fresh_node(ForkedNode) as node:
            tally = kills(node, options.kills, seed)
        yield Figure("acknowledged registrations lost by kill -9", tally.lost, 0, options.kills)
        yield Figure("replays accepted after kill -9", tally.replays_accepted, 0, options.kills)
    if options.reloads:
        with fresh_node() as node:
            came = reloads(node, options.reloads)
        yield Figure(
            "messages lost in reloads, half of them broken", len(came.lost), 0, options.reloads
        )
    if options.malformed:
        with fresh_node() as node:
            garbage = malformed(node, options.malformed, seed)
        yield Figure("faults by malformed datagrams", garbage.faults, 0, options.malformed)
        yield Figure("KiB grown by malformed datagrams", garbage.grown_kib, 8192, options.malformed)
    if options.flood_seconds:
        with fresh_node() as node:
            flooded = flood(node, options.flood_seconds, 1_000, seed)
        yield Figure("sites lost beside a flood of garbage", flooded.lost, 0, flooded.sites)
    if options.spoofed:
        sent = spoofed(options.spoofed, 1_000, 2_000, seed)
        yield Figure(
            "octets sent for one, beyond the bursts", sent.octets_for_one, 3, sent.requests
        )
        yield Figure("datagrams sent for one", sent.packets_for_one, 1, sent.requests)
    for tested in TESTED:
        count = getattr(options, tested.option)
        if count:
            yield from by_test(tested, count, seed)
    if options.faults:
        yield by_fault_tests(options.faults)


def soaked(options: argparse.Namespace) -> Iterator[Figure]:
    """Registrations that change and lookups, all the time; memory and descriptors stay.

    A soak of less than an hour may grow as much as one of an hour: what is taken once would
    else be multiplied.
    """
    with fresh_node() as node:
        came = soak(node, options.seconds, options.seed)
    print(f"all that is bounded was full after {came.filling_seconds:.0f} s", flush=True)
    hours = max(options.seconds / 3600, 1.0)
    yield Figure("messages without an answer", came.silent, 0, came.messages)
    yield Figure("KiB grown an hour", came.grown_kib / hours, 1024, came.messages)
    yield Figure("descriptors more", came.new_descriptors, 0, came.messages)
    yield Figure("faults", came.faults, 0, came.messages)


SIZES: Final = {
    "kills": (20, 1_000),
    "reloads": (10, 1_000),
    "malformed": (100_000, 50_000_000),
    "flood_seconds": (10, 600),
    "spoofed": (20_000, 1_000_000),
    **{tested.option: (tested.at_scale_1, tested.long_count) for tested in TESTED},
    "faults": (1, 100),
}
"""By row of the table: how many in a test run, and in the long one."""


def sizes(options: argparse.Namespace) -> None:
    """Fill in what was not told: nothing where some row was, else every row."""
    is_choice = any(getattr(options, name) is not None for name in SIZES)
    for name, both in SIZES.items():
        if getattr(options, name) is None:
            setattr(options, name, 0 if is_choice else both[options.long])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("what", choices=("chaos", "soak"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--long", action="store_true", help="every row of chaos at its long size")
    for name, (count, long_count) in SIZES.items():
        sizes_told = f"only this row, so often ({count:,}; --long {long_count:,})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=sizes_told)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of a soak, once it is full (60)"
    )
    options = parser.parse_args()
    sizes(options)
    run: Callable[[argparse.Namespace], Iterator[Figure]] = (
        chaos if options.what == "chaos" else soaked
    )
    print(f"seed {options.seed}", flush=True)
    rows = []
    for row in run(options):
        rows.append(row)
        print(row, flush=True)
    print("\n| figure | measured | of | wanted | met | seed |\n|---|---|---|---|---|---|")
    for row in rows:
        met = "yes" if row.measured <= row.wanted else "NO"
        print(
            f"| {row.name} | {row.measured:.4g} | {row.of:,} | at most {row.wanted:g} | {met}"
            f" | {options.seed} |"
        )
    return 0 if all(row.measured <= row.wanted for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
