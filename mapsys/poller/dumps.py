"""The daily dump: everything that was answered, as sorted text, and how it differs from the last.

``DAY.txt`` has a line for each EID, ``DAY.diff`` what came (``+``) and went (``-``)
since the dump before it. Days are in UTC.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.poller.results import FOLDER_NAME, PolledRow, PollResults
from mapsys.record_view import eid_text

DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Dumps:
    """The dumps in one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER_NAME

    def days(self) -> list[str]:
        """The days that there is a dump of, the newest last."""
        return sorted(path.stem for path in self._folder.glob("*.txt") if DAY.fullmatch(path.stem))

    def lines(self, day: str) -> list[str] | None:
        """The lines of a day's dump; None where there is none."""
        return self._read(day, ".txt")

    def difference(self, day: str) -> list[str] | None:
        """What a day's dump has different from the one before it; empty for the first."""
        return self._read(day, ".diff")

    def keep(self, results: PollResults, keep_dumps: int) -> None:
        """Write the day's dump, unless it is there, and remove the oldest beyond so many.

        Raises OSError.
        """
        day = datetime.fromtimestamp(results.started_at, UTC).strftime("%Y-%m-%d")
        before = self.days()
        if day not in before:
            lines = dump_lines(results)
            old = self.lines(before[-1]) if before else None
            # The dump comes last: where it is, its difference is too.
            self._write(day, ".diff", [] if old is None else difference(old, lines))
            self._write(day, ".txt", lines)
        for gone in self.days()[:-keep_dumps]:
            for ending in (".txt", ".diff"):
                (self._folder / f"{gone}{ending}").unlink(missing_ok=True)

    def _read(self, day: str, ending: str) -> list[str] | None:
        if DAY.fullmatch(day) is None:
            return None
        try:
            text = (self._folder / f"{day}{ending}").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return text.split("\n")[:-1]

    def _write(self, day: str, ending: str, lines: list[str]) -> None:
        temporary = self._folder / f"{day}{ending}.new"
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        os.replace(temporary, self._folder / f"{day}{ending}")


def dump_lines(results: PollResults) -> list[str]:
    """EID, site and answer of each EID, sorted; with the Map-Resolvers where they disagree.

    Nothing that changes by itself is in them: no times, no order of arrival.
    """
    return sorted(_one_line(line) for row in results.rows for line in _lines_of(row))


def difference(old: list[str], new: list[str]) -> list[str]:
    """Lines that went and came, in the order of what stands behind their mark."""
    gone, come = set(old) - set(new), set(new) - set(old)
    marked = [("-", line) for line in gone] + [("+", line) for line in come]
    return [f"{mark} {line}" for mark, line in sorted(marked, key=lambda one: (one[1], one[0]))]


def _lines_of(row: PolledRow) -> list[str]:
    asked, _ = EidPrefix.unpack(row.eid)
    eid = f"[{asked.instance_id}]{eid_text(asked)}" if asked.instance_id else eid_text(asked)
    by_answer: dict[str, list[str]] = {}
    for one in row.heard:
        answer = one.answer if one.eid_prefix is None else f"{one.eid_prefix}  {one.answer}"
        by_answer.setdefault(answer, []).append(one.map_resolver)
    return [
        f"{eid}  {row.site or '-'}  {answer}"
        + (f"  by {', '.join(sorted(resolvers))}" if len(by_answer) > 1 else "")
        for answer, resolvers in by_answer.items()
    ]


def _one_line(text: str) -> str:
    """Names can hold anything, and a dump is read on terminals."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
