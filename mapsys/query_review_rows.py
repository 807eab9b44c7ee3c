"""The question for what the review finds, with its answer (see ``query_rows``)."""

from __future__ import annotations

import msgspec


class ReviewQuestion(msgspec.Struct, frozen=True, tag="review"):
    """What does the review find in the configuration in effect and in the host?

    after: findings to leave out at the beginning.
    """

    after: int = 0
    limit: int = 100


class FindingRow(msgspec.Struct, frozen=True):
    """One finding. file, line, column: None where the host is meant; path: the key path."""

    check: str
    severity: str
    file: str | None
    line: int | None
    column: int | None
    path: str
    message: str
    what_to_do: str


class ReviewPage(msgspec.Struct, frozen=True, tag="review"):
    """The gravest first. next: the ``after`` of the following page, None at the end."""

    rows: list[FindingRow]
    next: int | None
