"""``python -m tests.simulation [--seed N] [--seeds N] [--days D] [--steps N]``."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.comparison import Divergence
from tests.simulation.simulation import Simulation


def main() -> int:
    """Exit code 0, or 1 where server and reference disagree."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Simulate days of a Map-Server against the reference model.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--days", type=float, default=1.0, help="protocol days of each seed")
    parser.add_argument("--steps", type=int, help="stop after this many steps")
    arguments = parser.parse_args()
    failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        began = time.perf_counter()
        simulation = Simulation(seed, arguments.days, arguments.steps)
        try:
            simulation.run()
        except Divergence as error:
            failed += 1
            print(error, file=sys.stderr)
        tally = simulation.both.tally
        print(
            f"seed {seed}: {arguments.days:g} days, {simulation.steps} steps,"
            f" {tally.registers} Map-Registers ({tally.accepted} accepted,"
            f" {tally.replays} replayed, {tally.forgeries} forged),"
            f" {tally.requests} Map-Requests, {tally.crashes} crashes:"
            f" {time.perf_counter() - began:.1f} s",
            flush=True,
        )
    print(f"{arguments.seeds * arguments.days:g} days, {failed} divergences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
