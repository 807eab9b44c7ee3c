"""Measures the running server against a C echo of the same packets: ``python -m benchmarks``.

Prints one table in Markdown; docs/performance.md says how to read it.
"""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.measure import OutOfTime, Plan, Programs, measured
from benchmarks.memory import Cost, results_of
from benchmarks.population import LIFETIME_SECONDS, make_state
from benchmarks.result import Result, as_json, kept, table, write_into
from benchmarks.rows import FEW, MANY, MILLION, TEN_MILLION, Row, quick_rows, rows

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "performance.md"
STATES: Final = ROOT / "build" / "benchmark"
NO_DISKS: Final = ("tmpfs", "ramfs")
TEN_MILLION_GIB: Final = 12
"""Memory that must be free for ten million registrations in both engines."""

_WORTH_KEEPING_SECONDS: Final = LIFETIME_SECONDS / 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 where the time was over before all rows were measured."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended
    began = time.monotonic()
    wanted = quick_rows() if options.quick else rows(_counts(options.ten_million))
    rounds, seconds = (3, 0.15) if options.quick else (options.rounds, options.seconds)
    plan = Plan(rounds, seconds, began + options.minutes * 60, options.limits == "on")
    done = kept(options.json) if options.json else {}

    def chosen(name: str) -> bool:
        return fnmatch.fnmatch(name.casefold(), f"*{options.only.casefold()}*")

    def keep(results: Sequence[Result]) -> None:
        done.update({result.name: result for result in results})
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(as_json(done.values(), _about(plan)), encoding="utf-8")

    left = [row for row in wanted if chosen(row.name) and row.name not in done]
    complete = _measure(left, plan, options.states.resolve(), keep)
    if complete and not options.quick:
        complete = _memory(_counts(options.ten_million)[2:], plan, chosen, done, keep)
    text = table(done.values(), _about(plan))
    print(text)
    if options.write:
        write_into(PAGE, text)
    if not complete:
        print(
            f"\nThe {options.minutes:g} minutes were over before all rows were measured; the same"
            " command with --json FILE goes on where it stopped.",
            file=sys.stderr,
        )
    return 0 if complete else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often each row runs (7)")
    parser.add_argument("--seconds", type=float, default=0.25, help="of each run (0.25)")
    parser.add_argument("--minutes", type=float, default=20, help="for all of it, at most (20)")
    parser.add_argument("--quick", action="store_true", help="a few rows, 3 short rounds each")
    parser.add_argument("--only", default="", metavar="PATTERN", help="rows named so; * is any")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it here, go on from here")
    parser.add_argument("--write", action="store_true", help="put the table into the page, too")
    parser.add_argument("--limits", choices=("on", "off"), default="on", help="budgets (on)")
    parser.add_argument("--ten-million", action="store_true", help="10,000,000 registrations, too")
    parser.add_argument("--states", type=Path, default=STATES, help="where states are kept")
    return parser


def _counts(ten_million: bool) -> tuple[int, ...]:
    if not ten_million:
        return FEW, MANY, MILLION
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    if free < TEN_MILLION_GIB:
        raise SystemExit(f"--ten-million needs {TEN_MILLION_GIB} GiB of memory; {free} are free")
    return FEW, MANY, MILLION, TEN_MILLION


def _measure(
    left: Sequence[Row], plan: Plan, states: Path, keep: Callable[[Sequence[Result]], None]
) -> bool:
    """Group by group, an engine and a number of registrations each; False: out of time."""
    if not left:
        return True
    states.mkdir(parents=True, exist_ok=True)
    _on_a_disk(states)
    with tempfile.TemporaryDirectory(prefix="run-", dir=states) as name:
        folder = Path(name)
        generator = processes.compiled("generator", folder)
        with processes.echo(processes.compiled("echo", folder), folder) as floor:
            programs = Programs(generator, floor, folder)
            for (count, _), group in itertools.groupby(left, lambda row: (row.count, row.engine)):
                if time.monotonic() > plan.until:
                    return False
                try:
                    keep(measured(list(group), _state(states, count), programs, plan))
                except OutOfTime:
                    return False
    return True


def _state(states: Path, count: int) -> Path:
    """A state of so many registrations: made once, and again before they would expire."""
    folder = states / f"state-{count}"
    if folder.exists() and time.time() - folder.stat().st_ctime > _WORTH_KEEPING_SECONDS:
        shutil.rmtree(folder)
    if not folder.exists():
        making = states / f"making-{count}"
        shutil.rmtree(making, ignore_errors=True)
        make_state(making, count)
        making.rename(folder)
    return folder


def _on_a_disk(folder: Path) -> None:
    """Raises SystemExit with a sentence where a commit there would not wait for a disk."""
    found = ("/", "")
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mounted, kind, *_ = line.split()
        if folder.resolve().is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    if found[1] in NO_DISKS:
        raise SystemExit(f"{folder} is in memory ({found[1]}); name a folder on a disk: --states")


def _memory(
    counts: Sequence[int],
    plan: Plan,
    chosen: Callable[[str], bool],
    done: dict[str, Result],
    keep: Callable[[Sequence[Result]], None],
) -> bool:
    """What a registration takes, in processes of their own; False: out of time."""
    for count, engine in itertools.product(counts, ("native", "pure")):
        names = [result.name for result in results_of(Cost(count, engine))]
        if not any(map(chosen, names)) or all(name in done for name in names):
            continue
        if time.monotonic() > plan.until:
            return False
        command = [sys.executable, "-m", "benchmarks.memory", str(count), engine, "--json"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        keep(results_of(Cost(**json.loads(output))))
    return True


def _about(plan: Plan) -> str:
    load = os.getloadavg()
    return (
        f"Medians of {plan.rounds} rounds of {plan.seconds:g} s on {os.cpu_count()} cores"
        f" ({platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}),"
        f" {time.strftime('%Y-%m-%d')}; load at the end, the benchmark's own included:"
        f" {load[0]:.1f}, over 15 minutes {load[2]:.1f}. Budgets {'on' if plan.limits else 'off'}."
    )


if __name__ == "__main__":
    sys.exit(main())
