"""Reads the coverage of the last test run and fails where a part is below the gate.

Lines and branches are held to the gate one by one: their sum would hide one
behind the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

GATE_PERCENT: Final = 95.0

PARTS: Final[dict[str, tuple[str, ...]]] = {
    "mapsys/wire": ("mapsys/wire/*",),
    "mapsys/core": ("mapsys/core/*",),
    "store": (
        "mapsys/store*.py",
        "mapsys/arena.py",
        "mapsys/change_log.py",
        "mapsys/contributions.py",
        "mapsys/deadlines.py",
        "mapsys/history_rows.py",
        "mapsys/subscriptions.py",
        "mapsys/superseded.py",
    ),
    "table": ("mapsys/table*.py",),
}


def measured() -> dict[str, dict[str, Any]]:
    """The summary of each measured file, by its path below the project's folder."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)], check=True
        )
        files: dict[str, dict[str, Any]] = json.loads(report.read_text("utf-8"))["files"]
    return files


def percent(covered: int, total: int) -> float:
    """A share in percent; nothing to cover is all covered."""
    return 100.0 * covered / total if total else 100.0


def main() -> int:
    """Print a line for each part; 1 where one is below the gate or was not measured."""
    files = measured()
    below = 0
    print(f"coverage, gate {GATE_PERCENT:.0f} %     lines   branches")
    for part, globs in PARTS.items():
        names = [name for name in files if any(fnmatch(name, glob) for glob in globs)]
        summaries = [files[name]["summary"] for name in names]
        lines = percent(
            sum(s["covered_lines"] for s in summaries), sum(s["num_statements"] for s in summaries)
        )
        branches = percent(
            sum(s["covered_branches"] for s in summaries), sum(s["num_branches"] for s in summaries)
        )
        failed = not names or min(lines, branches) < GATE_PERCENT
        below += failed
        print(f"{part:22}{lines:9.1f} {branches:10.1f}{'   below the gate' if failed else ''}")
        for name in names if failed else ():
            summary = files[name]["summary"]
            missed = summary["missing_lines"], summary["missing_branches"]
            if any(missed):
                print(f"  {name}: {missed[0]} lines and {missed[1]} branches missed")
    if below:
        print("which ones: .venv/bin/coverage report -m --include 'mapsys/...'")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
