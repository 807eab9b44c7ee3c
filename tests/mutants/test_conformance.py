"""docs/conformance.md: every rule has its row, its tests and its mutants."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts.mutants import load_mutants
from tests.mutants.node_ids import is_there

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

EXPECTED = [
    *(f"G{n}" for n in range(1, 16)),
    *(f"MS{n}" for n in range(1, 62)),
    *(f"MR{n}" for n in range(1, 17)),
    *(f"A{n}" for n in range(1, 22)),
]

ADVICE = {"G12", "MR1", "MS59", "A10", "A11"}
"""Rules for whoever runs the node: no code keeps them."""

NOT_YET = {"MS57", "MR14", "MR15", "MR16"}
"""Those of DDT."""

MUTANTS = {mutant.id: mutant for mutant in load_mutants()}


class Row(NamedTuple):
    id: str
    level: str
    rule: str
    behaviour: str
    tests: list[str]
    mutants: list[str]
    remark: str


def rows() -> list[Row]:
    """The rows of all tables, in order."""
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"(?:G|MS|MR|A)\d+", cells[0]):
            shown_by, last = cells[4], cells[5]
            tests, mutants = (re.findall(r"`([^`]+)`", cell) for cell in (shown_by, last))
            remark = "" if mutants else last
            found.append(Row(cells[0], cells[1], cells[2], cells[3], tests, mutants, remark))
    return found


ROWS = rows()


def test_every_rule_has_one_row_in_order() -> None:
    assert [row.id for row in ROWS] == EXPECTED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_says_what_mapsys_does_and_what_shows_it(row: Row) -> None:
    assert row.level in ("M", "MN", "S", "SN", "O")
    assert row.rule
    assert row.behaviour
    if row.id in ADVICE | NOT_YET:
        assert row.remark == ("advice" if row.id in ADVICE else "not yet")
        return
    assert row.tests
    for test in row.tests:
        assert is_there(test), test
    assert row.mutants, "no change of the code is known that its tests would notice"
    for name in row.mutants:
        assert set(MUTANTS[name].tests) & set(row.tests), f"{name} is caught by no test of this row"


def test_every_mutant_but_the_edges_belongs_to_a_row() -> None:
    named = {name for row in ROWS for name in row.mutants}
    assert named == {name for name in MUTANTS if not name.startswith("edge-")}
