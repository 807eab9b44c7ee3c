"""Scenarios: short scripts with a story, what they measured, and a verdict."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from mapsys.lab.errors import CheckFailed, LabError
from mapsys.lab.whole import WholeLab

FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "lab" / "scenarios"

Measured = dict[str, str]
"""What was measured, in the order in which it is shown."""


class Scenario(NamedTuple):
    """One script. story: a paragraph for the report, in Markdown without lists.

    run: returns what it measured; raises CheckFailed where it is not what the story says.
    """

    name: str
    title: str
    story: str
    run: Callable[[WholeLab], Measured]


class Outcome(NamedTuple):
    """What became of a scenario. problem: empty where it passed."""

    scenario: Scenario
    measured: Measured
    problem: str
    seconds: float

    @property
    def passed(self) -> bool:
        """The verdict."""
        return not self.problem

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "FAILED"
        lines = [f"{verdict:<6} {self.scenario.name}: {self.scenario.title}"]
        lines += [f"         {name}: {value}" for name, value in self.measured.items()]
        lines += [f"         {self.problem}"] if self.problem else []
        return "\n".join(lines)


def scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """All of a folder, by the names of their files."""
    return [_read(path) for path in sorted(folder.glob("*.py"))]


def scenario(name: str, folder: Path = FOLDER) -> Scenario:
    """One of them. Raises KeyError."""
    for found in scenarios(folder):
        if name in (found.name, found.name.partition("-")[2]):
            return found
    raise KeyError(name)


def tried(lab: WholeLab, wanted: Iterable[Scenario]) -> Iterable[Outcome]:
    """Run scenarios one after the other; a failed one does not keep the others from it."""
    for one in wanted:
        began = time.monotonic()
        measured: Measured = {}
        problem = ""
        try:
            measured = one.run(lab)
        except (CheckFailed, LabError, OSError) as error:
            problem = str(error) or type(error).__name__
        yield Outcome(one, measured, problem, time.monotonic() - began)


def require(holds: bool, what: str) -> None:
    """Raises CheckFailed with what was found instead."""
    if not holds:
        raise CheckFailed(what)


def _read(path: Path) -> Scenario:
    spec = importlib.util.spec_from_file_location(f"scenario_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    story = (module.__doc__ or "").strip()
    title, _, rest = story.partition("\n")
    return Scenario(path.stem, title.rstrip("."), " ".join(rest.split()), module.run)
