"""What a check is, and how what it found is printed: a row for each."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from mapsys.lab.errors import CheckFailed, LabError

L = TypeVar("L")

_WIDTH: Final = 108
_INDENT: Final = " " * 10


class Check(NamedTuple, Generic[L]):
    """One thing that a network has to show.

    run: returns what was measured; raises CheckFailed where it is not what was expected.
    quick: whether it fits into a run of one minute.
    """

    number: str
    what: str
    expected: str
    run: Callable[[L], str]
    quick: bool = True


class Row(NamedTuple):
    """A check with its outcome."""

    number: str
    what: str
    expected: str
    measured: str
    passed: bool

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "FAILED"
        lines = [f"{verdict:<6} {self.number:>2} {self.what}"]
        for label, text in (("expected", self.expected), ("measured", self.measured)):
            lines += textwrap.wrap(
                f"{label}  {text}",
                _WIDTH,
                initial_indent=_INDENT,
                subsequent_indent=_INDENT + " " * 10,
            )
        return "\n".join(lines)


def run_checks(network: L, checks: Iterable[Check[L]], show: Callable[[Row], None]) -> list[Row]:
    """Run checks one after the other; a failed one does not keep the others from it."""
    rows = []
    for check in checks:
        try:
            measured, passed = check.run(network), True
        except (CheckFailed, LabError) as error:
            measured, passed = str(error), False
        rows.append(Row(check.number, check.what, check.expected, measured, passed))
        show(rows[-1])
    return rows
