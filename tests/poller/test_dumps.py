"""Daily dumps: what is in them, when they are written, and how they differ."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mapsys.eid import EidPrefix
from mapsys.poller.dumps import Dumps, difference, dump_lines
from mapsys.poller.results import (
    FOLDER_NAME,
    HeardRow,
    PolledRow,
    PollResults,
    Result,
    ResultsFile,
)

DAY_SECONDS = 86_400
NOON = 1_790_000_000 // DAY_SECONDS * DAY_SECONDS + DAY_SECONDS / 2
"""On 2026-09-21."""


def polled(eid: str, *answers: tuple[str, str], site: str | None = "site-one") -> PolledRow:
    """answers: Map-Resolver and what it said."""
    heard = [
        HeardRow(resolver, Result.MAPPING, answer, "198.18.1.0/24", "192.0.2.1:4342", 0.01, 1, [])
        for resolver, answer in answers
    ]
    return PolledRow(EidPrefix.parse(eid).pack(), site, None, [], heard)


def results(*rows: PolledRow, at: float = NOON) -> PollResults:
    return PollResults(at, at + 5, 60, ["r1", "r2"], [], [*rows], 1, {}, {})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / FOLDER_NAME).mkdir()
    return tmp_path


def test_lines_are_sorted_and_name_map_resolvers_only_where_they_disagree() -> None:
    lines = dump_lines(
        results(
            polled("[7]198.18.2.0", ("r1", "b")),
            polled("198.18.1.0", ("r2", "a"), ("r1", "a")),
            polled("198.18.0.0", ("r2", "a"), ("r1", "b"), site=None),
        )
    )
    assert lines == [
        "198.18.0.0  -  198.18.1.0/24  a  by r2",
        "198.18.0.0  -  198.18.1.0/24  b  by r1",
        "198.18.1.0  site-one  198.18.1.0/24  a",
        "[7]198.18.2.0  site-one  198.18.1.0/24  b",
    ]


def test_a_name_cannot_break_a_line_or_steer_a_terminal() -> None:
    [line] = dump_lines(results(polled('"a\nb\x1b[2J"', ("r1", "a"))))
    assert line.startswith('"a\\nb\\x1b[2J"')


def test_what_differs_stands_together() -> None:
    old = ["a  x", "b  x", "c  x"]
    new = ["a  x", "b  y", "d  x"]
    assert difference(old, new) == ["- b  x", "+ b  y", "- c  x", "+ d  x"]
    assert difference(old, old) == []


def test_a_day_has_one_dump_and_its_difference(state: Path) -> None:
    dumps = Dumps(state)
    assert dumps.days() == []
    dumps.keep(results(polled("198.18.1.0", ("r1", "a"))), 30)
    dumps.keep(results(polled("198.18.1.0", ("r1", "later")), at=NOON + 600), 30)
    dumps.keep(results(polled("198.18.1.0", ("r1", "b")), at=NOON + DAY_SECONDS), 30)
    assert dumps.days() == ["2026-09-21", "2026-09-22"]
    assert dumps.lines("2026-09-21") == ["198.18.1.0  site-one  198.18.1.0/24  a"]
    assert dumps.difference("2026-09-21") == []
    assert dumps.difference("2026-09-22") == [
        "- 198.18.1.0  site-one  198.18.1.0/24  a",
        "+ 198.18.1.0  site-one  198.18.1.0/24  b",
    ]


def test_the_oldest_dumps_go(state: Path) -> None:
    dumps = Dumps(state)
    for day in range(4):
        dumps.keep(results(at=NOON + day * DAY_SECONDS), 2)
    assert dumps.days() == ["2026-09-23", "2026-09-24"]
    assert len(list((state / FOLDER_NAME).iterdir())) == 4


@pytest.mark.parametrize("day", ["2026-09-20", "../results", "", "2026-09-21.new"])
def test_a_day_without_a_dump_has_none(day: str, state: Path) -> None:
    Dumps(state).keep(results(), 2)
    assert Dumps(state).lines(day) is None
    assert Dumps(state).difference(day) is None


def test_results_are_read_as_they_were_written(state: Path) -> None:
    file = ResultsFile(state)
    assert file.read() is None
    written = results(polled("198.18.1.0", ("r1", "a")))
    ResultsFile(state).write(written)
    assert file.read() == written
    later = msgspec.structs.replace(written, cycles=2)
    ResultsFile(state).write(later)
    assert file.read() == later
    (state / FOLDER_NAME / "results.msgpack").write_bytes(b"\x93 of another version")
    assert file.read() is None
