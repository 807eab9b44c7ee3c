"""Orders to reload and to end, with their answers (see ``query_rows``)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ReloadAction(StrEnum):
    """What is ordered."""

    RELOAD = "reload"
    CONFIRM = "confirm"
    UNDO = "undo"


class ReloadOrder(msgspec.Struct, frozen=True, tag="reload"):
    """Read the configuration again, or decide about one that waits to be confirmed.

    by: who gave the order. request_id: of the request that brought it.
    confirm_within_seconds: take it back after this unless it is confirmed; None takes
    it for good. dry_run: only say what it would change.
    """

    action: ReloadAction
    by: str
    confirm_within_seconds: int | None = None
    dry_run: bool = False
    request_id: str | None = None


class ReloadRow(msgspec.Struct, frozen=True, tag="reload"):
    """What came of it.

    outcome: "reloaded", "unconfirmed" (in force until it is taken back), "confirmed",
    "undone" or "dry-run". changes: a line each, without secrets; at most CHANGES_LIMIT of
    changes_in_all. dropped: registrations that are no longer allowed.
    """

    outcome: str
    changes: list[str] = []
    changes_in_all: int = 0
    dropped: int = 0
    rolls_back_in_seconds: int | None = None


class StopOrder(msgspec.Struct, frozen=True, tag="stop"):
    """End. lameduck_seconds: serve on for so long; None is as configured."""

    by: str
    lameduck_seconds: int | None = None


class StopRow(msgspec.Struct, frozen=True, tag="stop"):
    """It ends after this."""

    lameduck_seconds: int
