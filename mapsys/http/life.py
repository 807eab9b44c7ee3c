"""``/api/v1/reload`` and ``/api/v1/stop``: orders about the daemon's own life."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.body import body_of
from mapsys.http.doorkeeper import IDENTITY, UNIX_SOCKET
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.request_id import REQUEST_ID
from mapsys.http.unix_peer import unix_peer
from mapsys.query_client import QueryDeclined
from mapsys.query_life_rows import ReloadAction, ReloadOrder, ReloadRow, StopOrder, StopRow

RELOAD_SECONDS: Final = 120.0
"""Thousands of files are read and checked first."""

CONFIRM_LIMIT_SECONDS: Final = 86_400
LAMEDUCK_LIMIT_SECONDS: Final = 3_600

_DECLINED: Final = {
    "invalid-configuration": Problem.INVALID_CONFIGURATION,
    "reload-refused": Problem.RELOAD_REFUSED,
    "nothing-unconfirmed": Problem.NOTHING_UNCONFIRMED,
}


class ReloadBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted. confirm_within_seconds: null takes it for good."""

    confirm_within_seconds: Annotated[int, msgspec.Meta(ge=1, le=CONFIRM_LIMIT_SECONDS)] | None = (
        None
    )
    dry_run: bool = False


class DecisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted: an empty object."""


class StopBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted. lameduck_seconds: null is as configured."""

    lameduck_seconds: Annotated[int, msgspec.Meta(ge=0, le=LAMEDUCK_LIMIT_SECONDS)] | None = None


class ReloadView(msgspec.Struct, frozen=True):
    """What came of the order; see ``ReloadRow``."""

    outcome: str
    changes: list[str]
    changes_in_all: int
    dropped: int
    rolls_back_in_seconds: int | None


class StopView(msgspec.Struct, frozen=True):
    """It ends after this."""

    lameduck_seconds: int


async def reload(request: web.Request) -> web.Response:
    """Read the configuration again."""
    body = await body_of(request, ReloadBody)
    return await _order(
        request,
        ReloadOrder(
            ReloadAction.RELOAD,
            _who(request),
            body.confirm_within_seconds,
            body.dry_run,
            request[REQUEST_ID],
        ),
    )


async def confirm(request: web.Request) -> web.Response:
    """Keep what is on trial."""
    await body_of(request, DecisionBody)
    return await _order(
        request, ReloadOrder(ReloadAction.CONFIRM, _who(request), request_id=request[REQUEST_ID])
    )


async def undo(request: web.Request) -> web.Response:
    """Take back what is on trial."""
    await body_of(request, DecisionBody)
    return await _order(
        request, ReloadOrder(ReloadAction.UNDO, _who(request), request_id=request[REQUEST_ID])
    )


async def stop(request: web.Request) -> web.Response:
    """End the daemon."""
    body = await body_of(request, StopBody)
    order = StopOrder(_who(request), body.lameduck_seconds)
    row = await request.app[QUERY_CLIENT].ask(order, StopRow)
    return json_response(StopView(row.lameduck_seconds))


async def _order(request: web.Request, order: ReloadOrder) -> web.Response:
    try:
        row = await request.app[QUERY_CLIENT].ask(order, ReloadRow, RELOAD_SECONDS)
    except QueryDeclined as declined:
        problem = _DECLINED.get(declined.reason)
        if problem is None:
            raise
        raise ProblemError(problem, str(declined)) from declined
    return json_response(
        ReloadView(
            row.outcome, row.changes, row.changes_in_all, row.dropped, row.rolls_back_in_seconds
        )
    )


def _who(request: web.Request) -> str:
    """For the audit trail: the name over TCP, the user over the Unix socket."""
    identity = request[IDENTITY]
    if identity is not UNIX_SOCKET:
        return identity.name
    _, uid = unix_peer(request, "mapsys reload")
    return f"uid {uid}"
