"""Figures that a run has measured: printed and kept in ``artifacts/figures.json`` at its end.

``MAPSYS_SCALE=20`` makes every figure's test twenty times as large: the long run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

SCALE_VARIABLE: Final = "MAPSYS_SCALE"
FILE: Final = Path("artifacts", "figures.json")
"""Below the project's folder."""


class Figure(NamedTuple):
    """name: what was tried; measured, wanted: at most this; of: how many were tried."""

    name: str
    measured: float
    wanted: float
    of: int

    def __str__(self) -> str:
        held = "" if self.measured <= self.wanted else "  MISSED"
        return f"{self.name}: {self.measured:g} of {self.of:,} (wanted {self.wanted:g}){held}"


MEASURED: Final[list[Figure]] = []
"""Of this run, in order."""


def scaled(count: int) -> int:
    """A number of trials at the scale of this run, which is 1 unless told otherwise."""
    return count * int(os.environ.get(SCALE_VARIABLE, "1"))


def wanted(name: str, measured: float, at_most: float, of: int) -> None:
    """Note a figure; the test judges it."""
    MEASURED.append(Figure(name, measured, at_most, of))


def keep(file: Path) -> None:
    """Write what was measured beside what earlier runs have left in the file."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name, measured, at_most, of in MEASURED:
        kept[name] = {"measured": measured, "wanted": at_most, "of": of}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
