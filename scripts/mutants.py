"""Spoils the code, one small change at a time, and expects a named test to notice.

    scripts/mutants.py              every mutant in tests/mutants/*.toml
    scripts/mutants.py --sample     those marked as the sample
    scripts/mutants.py MS10 MR5     those of these rules

Each mutant is tried in a copy of the tree, with its own tests alone. Exit code 1
where one survives, breaks more than it should, or no longer fits the code.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "tests" / "mutants"

NEEDED: Final = ("alt", "mapsys", "tests", "pyproject.toml")
"""What a copy of the tree is made of: packages, tests and pytest's settings."""

TIMEOUT_SECONDS: Final = 120.0
JOBS_DEFAULT: Final = 2

CAUGHT: Final = "caught"
_RED, _GREEN = 1, 0
"""pytest's exit codes for failed and for passed tests; the others say that none were run."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change that has to be noticed.

    old: text that stands in the file exactly once. tests: node IDs, of which at
    least one has to fail.
    """

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    sample: bool = False

    def spoiled(self, text: str) -> str:
        """The file's text with the change. Raises ValueError where it does not fit."""
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"its text stands {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


def load_mutants(folder: Path = FOLDER) -> list[Mutant]:
    """The mutants of all files in a folder, by file name. Raises ValueError."""
    mutants: list[Mutant] = []
    for path in sorted(folder.glob("*.toml")):
        held: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        for one in held["mutant"]:
            mutants.append(Mutant(**{**one, "tests": tuple(one["tests"])}))
    ids = [mutant.id for mutant in mutants]
    twice = {one for one in ids if ids.count(one) > 1}
    if twice:
        raise ValueError(f"ids that stand twice: {', '.join(sorted(twice))}")
    return mutants


class Workshop:
    """A copy of the tree in which one mutant at a time is tried."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changes = 0
        folder.mkdir()
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.egg-info")
                shutil.copytree(source, folder / name, ignore=ignore, symlinks=True)
            else:
                shutil.copy2(source, folder / name)

    def test(self, tests: Iterable[str]) -> tuple[int | None, str]:
        """Run tests; gives pytest's exit code, None for a time-out, and what it said."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header"]
        command += ["-p", "no:cacheprovider", "-p", "pytest_timeout", *tests]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        # Plugins that other tests have a use for take longer to load than these to run.
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        try:
            run = subprocess.run(
                command,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, ""
        return run.returncode, run.stdout + run.stderr

    def try_out(self, mutant: Mutant) -> str:
        """What became of a mutant: CAUGHT, or what is wrong with it."""
        path = self._folder / mutant.file
        try:
            text = path.read_text(encoding="utf-8")
            spoiled = mutant.spoiled(text)
        except (OSError, ValueError) as error:
            return f"does not fit: {error}"
        self._write(path, spoiled)
        try:
            code, said = self.test(mutant.tests)
        finally:
            self._write(path, text)
        if code == _RED:
            return CAUGHT
        if code == _GREEN:
            return "survived"
        if code is None:
            return f"no verdict within {TIMEOUT_SECONDS:.0f} s"
        return f"its tests did not run (pytest exit code {code}):\n{said[-2000:]}"

    def _write(self, path: Path, text: str) -> None:
        """Write a module with a time of its own: compiled code is known by time and size."""
        path.write_text(text, encoding="utf-8")
        self._changes += 1
        second = time.time() + 10 * self._changes
        os.utime(path, (second, second))


def run(mutants: Sequence[Mutant], jobs: int, tell: Callable[[str], None] = print) -> int:
    """Try mutants; 0 where every one was caught, else 1."""
    with tempfile.TemporaryDirectory(prefix="mapsys-mutants-") as folder:
        workshops = [Workshop(Path(folder) / str(n)) for n in range(jobs)]
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        code, said = workshops[0].test(tests)
        if code != _GREEN:
            tell(f"the tests fail without any mutant:\n{said[-4000:]}")
            return 1
        free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
        for workshop in workshops:
            free.put(workshop)

        def try_out(mutant: Mutant) -> tuple[str, float]:
            workshop = free.get()
            started = time.monotonic()
            try:
                return workshop.try_out(mutant), time.monotonic() - started
            finally:
                free.put(workshop)

        bad = 0
        with ThreadPoolExecutor(jobs) as pool:
            for mutant, (outcome, seconds) in zip(mutants, pool.map(try_out, mutants), strict=True):
                bad += outcome != CAUGHT
                tell(f"{mutant.id:28} {mutant.file:32} {seconds:5.1f} s  {outcome}")
    tell(f"{len(mutants) - bad} of {len(mutants)} mutants caught")
    return 1 if bad else 0


def _is_named(mutant_id: str, wanted: Iterable[str]) -> bool:
    return any(mutant_id == one or mutant_id.startswith(f"{one}-") for one in wanted)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Try mutants of the code against their tests.")
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these, or those of these rules")
    parser.add_argument("--sample", action="store_true", help="only those marked as the sample")
    parser.add_argument("--jobs", type=int, default=JOBS_DEFAULT, help="how many at a time")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the mutants are")
    arguments = parser.parse_args()
    mutants = [
        mutant
        for mutant in load_mutants(arguments.folder)
        if (mutant.sample or not arguments.sample)
        and (not arguments.ids or _is_named(mutant.id, arguments.ids))
    ]
    if not mutants:
        parser.error("no mutant is called so")
    return run(mutants, arguments.jobs)


if __name__ == "__main__":
    sys.exit(main())
