"""``python -m tests.reliability chaos|soak``: the long runs, bounded, each ending in a table."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.node import Node
from tests.figures.record import Figure
from tests.reliability.amplification import spoofed
from tests.reliability.floods import flood, malformed
from tests.reliability.forked import ForkedNode
from tests.reliability.kills import kills
from tests.reliability.load import configure, descriptors, peer, resident_kib
from tests.reliability.reloads import reloads

SOAK_EIDS = 500
SOAK_LOOKS = 50
WARM_UP_SHARE = 0.25
"""Of a soak: memory that is taken in this part is no leak."""


@contextmanager
def fresh_node(kind: type[Node] = Node) -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="mapsys-chaos-") as folder:
        node = kind(Path(folder))
        try:
            yield node
        finally:
            node.close()


def chaos(options: argparse.Namespace) -> Iterator[Figure]:
    """Kills, reloads, garbage, a flood, spoofed requests; 0 of one leaves it out."""
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


def soak(options: argparse.Namespace) -> Iterator[Figure]:
    """Registrations that change and lookups, all the time; memory and descriptors stay."""
    choice, silent, messages = random.Random(options.seed), 0, 0
    with fresh_node() as node:
        configure(node, (("site-one", "198.18.0.0/16"),))
        node.start()
        assert node.process is not None
        pid, began = node.process.pid, time.monotonic()
        before: tuple[int, int] | None = None
        with peer(node.address) as site:
            while (passed := time.monotonic() - began) < options.seconds:
                eid = f"198.18.{choice.randrange(1, 3)}.{choice.randrange(SOAK_EIDS // 2)}"
                site.register(f"{eid}/32", f"192.0.2.{choice.randrange(1, 255)}")
                silent += site.hear(10.0) is None
                site.lookup([eid])
                messages += 2
                if before is None and passed > WARM_UP_SHARE * options.seconds:
                    before = resident_kib(pid), descriptors(pid)
        after = resident_kib(pid), descriptors(pid)
        faults = len(node.named("fault"))
        node.stop()
    memory, files = before or after
    hours = max((1 - WARM_UP_SHARE) * options.seconds / 3600, 1.0)
    yield Figure("messages without an answer", silent, 0, messages)
    yield Figure("KiB grown an hour", (after[0] - memory) / hours, 1024, messages)
    yield Figure("descriptors more", after[1] - files, 0, messages)
    yield Figure("faults", faults, 0, messages)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("what", choices=("chaos", "soak"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--reloads", type=int, default=1_000)
    parser.add_argument("--malformed", type=int, default=50_000_000)
    parser.add_argument("--flood-seconds", type=float, default=600.0)
    parser.add_argument("--spoofed", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8 * 3600.0, help="of a soak")
    options = parser.parse_args()
    run: Callable[[argparse.Namespace], Iterator[Figure]] = (
        chaos if options.what == "chaos" else soak
    )
    print(f"seed {options.seed}", flush=True)
    rows = []
    for row in run(options):
        rows.append(row)
        print(row, flush=True)
    print("\n| what | measured | wanted | of |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.measured:.4g} | at most {row.wanted:g} | {row.of:,} |")
    return 0 if all(row.measured <= row.wanted for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
