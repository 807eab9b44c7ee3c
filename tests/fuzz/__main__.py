"""``python -m tests.fuzz``: every target, or those named, for a time or a number of runs.

Ends in a table. Exit code 1 where a target has a finding; its input is kept under
``artifacts/fuzz/`` and the line that repeats it is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import Outcome, fuzz, keep
from tests.fuzz.targets import MODULES, target_of

_HEAD = (
    "| target | executions | per second | features | kept | findings | wanted | met | seed |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(MODULES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--runs", type=int, default=-1, help="at most so many for each target")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's choices (1)")
    parser.add_argument(
        "--keep", action="store_true", help="add to the corpora in the tree what reached more"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in MODULES]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(MODULES)}")
    print(_HEAD)
    findings, executions = [], 0
    for name in arguments.targets or [name for name in MODULES if name != "any"]:
        target = target_of(name)
        with tempfile.TemporaryDirectory(prefix="mapsys-fuzz-") as folder:
            outcome = fuzz(
                target,
                Path(folder),
                seconds=arguments.seconds,
                runs=arguments.runs,
                seed=arguments.seed,
            )
            kept = keep(target, Path(folder)) if arguments.keep else outcome.inputs
        print(_row(outcome, kept, arguments.seed), flush=True)
        executions += outcome.executions
        if outcome.finding is not None:
            findings.append(f"{outcome.target}: {outcome.finding}")
    met = "NO" if findings else "yes"
    print(f"| all | {executions:,} | | | | {len(findings)} | 0 | {met} | {arguments.seed} |")
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def _row(outcome: Outcome, kept: int, seed: int) -> str:
    rate = outcome.executions / max(outcome.seconds, 1e-9)
    found, met = (0, "yes") if outcome.finding is None else (1, "NO")
    return (
        f"| {outcome.target} | {outcome.executions:,} | {rate:,.0f} | {outcome.features:,}"
        f" | {kept:,} | {found} | 0 | {met} | {seed} |"
    )


if __name__ == "__main__":
    sys.exit(main())
