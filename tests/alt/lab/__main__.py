"""Runs the lab and prints a row for each check; exit code 1 where one failed."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from mapsys.lab.errors import CheckFailed, LabError
from mapsys.lab.leftovers import reap
from tests.alt.lab import check_large, checks, checks_instances, checks_traces
from tests.alt.lab.pilot import pilot
from tests.alt.lab.report import Row, run_checks


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="lab-alt", description="The ALT pilot network in namespaces, with all its checks."
    )
    parser.add_argument("--quick", action="store_true", help="only what fits into two minutes")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="a new folder for capture, logs and configurations"
    )
    options = parser.parse_args()
    if options.keep is not None and options.keep.exists():
        parser.error(f"{options.keep} exists already; name a new folder")
    _ends_in_order()
    for tag in reap():
        print(f"removed what {tag} had left behind")
    began = time.monotonic()
    try:
        rows = _run(quick=options.quick, keep=options.keep)
    except (CheckFailed, LabError) as error:
        print(f"the lab could not be run: {error}", file=sys.stderr)
        return 1
    failed = [row.number for row in rows if not row.passed]
    seconds = time.monotonic() - began
    print(f"\n{len(rows) - len(failed)} of {len(rows)} checks passed, {seconds:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(*, quick: bool, keep: Path | None) -> list[Row]:
    print("the pilot network\n", flush=True)
    with pilot(keep) as network:
        rows = run_checks(network, checks.of_pilot(quick=quick), _show)
    rows += run_checks(network.lab, [checks_traces.AFTERWARDS], _show)
    print("\ntwo instances with the same addresses\n", flush=True)
    with checks_instances.instances() as lab:
        rows += run_checks(lab, checks_instances.CHECKS, _show)
    rows += run_checks(lab, [checks_traces.AFTERWARDS], _show)
    if not quick:
        print("\na neighbour with very many routes\n", flush=True)
        rows += run_checks(None, [check_large.CHECK], _show)
    return rows


def _show(row: Row) -> None:
    print(row, flush=True)


def _ends_in_order() -> None:
    """Have SIGTERM end the lab as any other end does."""
    own_pid = os.getpid()

    def stop(_number: int, _frame: FrameType | None) -> None:
        # The netlink library forks, and ends its children so; they must not take the lab down.
        if os.getpid() != own_pid:
            os._exit(1)
        raise SystemExit("stopped")

    signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    sys.exit(main())
