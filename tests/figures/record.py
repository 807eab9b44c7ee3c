"""Figures that a run has measured: printed at its end, and kept in ``artifacts/figures.json``.

``MAPSYS_SCALE=20`` makes every figure's test twenty times as large: the long run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

SCALE_VARIABLE: Final = "MAPSYS_SCALE"
FILE: Final = Path(__file__).resolve().parents[2] / "artifacts" / "figures.json"


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
    """Keep a figure; the test judges it."""
    MEASURED.append(Figure(name, measured, at_most, of))
    kept = {}
    if FILE.exists():
        kept = json.loads(FILE.read_text(encoding="utf-8"))
    kept[name] = {"measured": measured, "wanted": at_most, "of": of}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
