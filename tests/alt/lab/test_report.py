"""Rows of checks: printed, counted, and failed where what was found is not what was expected."""

from __future__ import annotations

from mapsys.lab.errors import CheckFailed, LabError
from tests.alt.lab.report import Check, Row, run_checks


def _fails(network: str) -> str:
    raise CheckFailed(f"{network} found otherwise")


def _breaks(network: str) -> str:
    raise LabError("a program ended")


def test_a_failed_check_keeps_no_other_from_being_run() -> None:
    checks = [
        Check[str]("1", "first", "something else", _fails),
        Check[str]("2", "second", "an answer", _breaks),
        Check[str]("3", "third", "an answer", lambda network: f"{network} answered in 1 ms"),
    ]
    shown: list[Row] = []
    rows = run_checks("lab", checks, shown.append)
    assert rows == shown
    assert [row.passed for row in rows] == [False, False, True]
    assert [row.measured for row in rows] == [
        "lab found otherwise",
        "a program ended",
        "lab answered in 1 ms",
    ]


def test_a_row_says_number_what_was_expected_what_was_measured_and_the_verdict() -> None:
    text = str(Row("11", "a cable is pulled", "both ends notice", "after 9.2 s", passed=False))
    assert text.splitlines() == [
        "FAILED 11 a cable is pulled",
        "          expected  both ends notice",
        "          measured  after 9.2 s",
    ]
