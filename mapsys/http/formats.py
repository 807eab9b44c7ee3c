"""The forms in which a list is answered: JSON, NDJSON or CSV, as ``Accept`` asks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from mapsys.http.problem import Problem, ProblemError
from mapsys.spreadsheet import defused

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"

LIST_MEDIA: Final = (JSON, NDJSON, CSV)
"""In the order in which they are preferred where the client does not care."""


def chosen(accept: str) -> str:
    """The media type that an ``Accept`` header asks for. Raises ProblemError where it is none."""
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    weights = {media: _weight(media, ranges) for media in LIST_MEDIA}
    best = max(LIST_MEDIA, key=lambda media: weights[media])
    if weights[best] <= 0:
        raise ProblemError(
            Problem.NOT_ACCEPTABLE, f"this list comes as {', '.join(LIST_MEDIA)}; accept one"
        )
    return best


def fields_of(rows: type[msgspec.Struct], text: str | None) -> tuple[str, ...]:
    """The fields that ``fields`` names, each once; all without it. Raises ProblemError."""
    known = rows.__struct_fields__
    if text is None:
        return known
    wanted = tuple(dict.fromkeys(text.split(",")))
    for name in wanted:
        if name not in known:
            raise ProblemError(
                Problem.INVALID_PARAMETER, f"no field {name!r}; allowed: {', '.join(known)}"
            )
    return wanted


def members(item: msgspec.Struct, fields: Sequence[str]) -> dict[str, Any]:
    """These fields of an item."""
    return {name: getattr(item, name) for name in fields}


def ndjson(items: Iterable[msgspec.Struct], fields: Sequence[str]) -> bytes:
    """One JSON object a line."""
    return msgspec.json.Encoder().encode_lines([members(item, fields) for item in items])


def csv_header(fields: Sequence[str]) -> bytes:
    """The first line of a table."""
    return _csv_lines([fields])


def csv_rows(items: Iterable[msgspec.Struct], fields: Sequence[str]) -> bytes:
    """Lines of a table; nested values as JSON, unknown ones empty.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    return _csv_lines([[_cell(getattr(item, name)) for name in fields] for item in items])


def _csv_lines(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return defused(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _range(part: str) -> tuple[str, float]:
    """A media range with its weight; one that cannot be read has none."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                weight = min(max(float(value), 0.0), 1.0)
            except ValueError:
                weight = 0.0
    return media, weight


def _weight(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """By the most specific range that fits. Source: RFC 9110, 12.5.1."""
    for name in (media, media.partition("/")[0] + "/*", "*/*"):
        found = [weight for one, weight in ranges if one == name]
        if found:
            return max(found)
    return 0.0
