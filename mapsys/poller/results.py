"""What a cycle of the poller found: its structs, and the file that they are kept in."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from mapsys.query_measures_rows import HistogramRow

FOLDER_NAME: Final = "poller"
"""In the state folder; holds the results and the daily dumps."""

RESULTS_NAME: Final = "results.msgpack"


class Flag(StrEnum):
    """What can be wrong with an EID's answers."""

    SILENT = "silent"
    WRONG = "wrong"
    SLOW = "slow"
    DISAGREEING = "disagreeing"


class Result(StrEnum):
    """How one query ended."""

    MAPPING = "mapping"
    NEGATIVE = "negative"
    SILENT = "silent"


class HeardRow(msgspec.Struct, frozen=True):
    """What one Map-Resolver brought.

    answer: the locators in order, or the action, or "silent"; equal answers have equal
    texts. map_replier, rtt_seconds, eid_prefix are None after silence.
    """

    map_resolver: str
    result: Result
    answer: str
    eid_prefix: str | None
    map_replier: str | None
    rtt_seconds: float | None
    requests_sent: int
    flags: list[Flag]


class PolledRow(msgspec.Struct, frozen=True):
    """One EID and all its answers.

    eid: what was asked for, packed. site: who holds it here. expected: what this node
    has for it, in the words of ``HeardRow.answer``; None where it has nothing to say.
    """

    eid: bytes
    site: str | None
    expected: str | None
    flags: list[Flag]
    heard: list[HeardRow]


class PollResults(msgspec.Struct, frozen=True):
    """The last complete cycle. Times are Unix seconds; rows are in the order of their EIDs.

    problems: sentences about what kept the cycle from asking.
    cycles, queries (by Map-Resolver, then result), round_trips (by Map-Resolver):
    since the poller started.
    """

    started_at: float
    finished_at: float
    interval_seconds: int
    map_resolvers: list[str]
    problems: list[str]
    rows: list[PolledRow]
    cycles: int
    queries: dict[str, dict[Result, int]]
    round_trips: dict[str, HistogramRow]

    def flagged(self) -> dict[Flag, int]:
        """How many EIDs carry each flag."""
        counts = dict.fromkeys(Flag, 0)
        for row in self.rows:
            for flag in row.flags:
                counts[flag] += 1
        return counts


class ResultsFile:
    """The file in one state folder; read again only after it changed."""

    def __init__(self, state: Path) -> None:
        self._path = state / FOLDER_NAME / RESULTS_NAME
        self._read: PollResults | None = None
        self._version: tuple[int, int] | None = None

    def write(self, results: PollResults) -> None:
        """Replace the file as a whole. Raises OSError."""
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(msgspec.msgpack.encode(results))
        os.replace(temporary, self._path)

    def read(self) -> PollResults | None:
        """What was written last; None before the first cycle is over, or by another version."""
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_mtime_ns)
            if version != self._version:
                self._read = msgspec.msgpack.decode(self._path.read_bytes(), type=PollResults)
                self._version = version
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return self._read
