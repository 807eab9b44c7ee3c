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

_HEAD = f"{'target':<16}{'executions':>12}{'per second':>12}{'features':>10}{'kept':>7}  finding"


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
    findings = 0
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
        print(_line(outcome, kept), flush=True)
        findings += outcome.finding is not None
    return 1 if findings else 0


def _line(outcome: Outcome, kept: int) -> str:
    rate = outcome.executions / max(outcome.seconds, 1e-9)
    found = "none" if outcome.finding is None else outcome.finding
    return (
        f"{outcome.target:<16}{outcome.executions:>12,}{rate:>12,.0f}"
        f"{outcome.features:>10,}{kept:>7,}  {found}"
    )


if __name__ == "__main__":
    sys.exit(main())
