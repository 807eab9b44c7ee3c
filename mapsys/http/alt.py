"""``/api/v1/alt``: the lists that there are of an ALT, and the way of an EID."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web

from mapsys.eid import MAX_INSTANCE_ID, EidPrefix
from mapsys.http import parameters
from mapsys.http.alt_views import alt_view, operation_view, trace_view
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.lists import answer_list
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.requester import requester
from mapsys.http.route import Handler
from mapsys.http.unix_peer import unix_peer
from mapsys.query_alt import NO_ALT, NO_OPERATION, NOT_TRACEABLE, ORDER_REFUSED, AltAsked
from mapsys.query_alt_rows import (
    AltList,
    AltOperationQuestion,
    AltOperationRow,
    AltOrder,
    AltOrderKind,
    AltPage,
    AltQuestion,
    AltTraceQuestion,
    AltTraceRow,
)
from mapsys.query_client import QueryDeclined

T = TypeVar("T")

WAIT_SECONDS_LIMIT: Final = 3_600


class OrderBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every order has.

    wait_seconds: for each thing that others have to do: a session, routes, a
    registration. dry_run: say what would be done, and do nothing.
    """

    instance_id: Annotated[int, msgspec.Meta(ge=0, le=MAX_INSTANCE_ID)] = 0
    wait_seconds: Annotated[int, msgspec.Meta(ge=1, le=WAIT_SECONDS_LIMIT)] = 90
    dry_run: bool = False


class RehomeBody(OrderBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of tunnels: the one that is there now, and the one that the file has instead.

    eid: to probe with; without it the node chooses one that the new neighbour announces.
    """

    old: str
    new: str
    eid: str | None = None


class SwitchBody(OrderBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The site, as the delegations' ``holder``."""

    site: str


_DECLINED: Final[dict[str, Callable[[str], ProblemError]]] = {
    NO_ALT: lambda detail: ProblemError(Problem.NO_ALT, detail),
    NOT_TRACEABLE: lambda detail: ProblemError(Problem.NOT_TRACEABLE, detail),
    NO_OPERATION: lambda detail: ProblemError(Problem.NO_OPERATION, detail),
    ORDER_REFUSED: lambda detail: ProblemError(Problem.ORDER_REFUSED, detail),
    "bad-cursor": lambda _detail: parameters.bad_cursor(),
}


def listing(what: AltList, rows: type[msgspec.Struct]) -> Handler:
    """The handler of one list; rows: what its items are."""

    async def handle(request: web.Request) -> web.StreamResponse:
        question = AltQuestion(what, instance_id=parameters.instance_id(request.query))

        async def fetch(
            cursor: bytes | None, limit: int
        ) -> tuple[list[msgspec.Struct], bytes | None]:
            asked = msgspec.structs.replace(question, cursor=cursor, limit=limit)
            page = await _asked(request, asked, AltPage)
            return [alt_view(row) for row in page.rows], page.next

        return await answer_list(request, rows, fetch)

    handle.__name__ = f"alt_{what}"
    return handle


async def alt_trace(request: web.Request) -> web.Response:
    """The way of Map-Requests for an EID, hop by hop."""
    within = parameters.instance_id(request.query) or 0
    eid = parameters.eid(request.match_info["eid"], within)
    row = await _asked(request, AltTraceQuestion(eid.pack()), AltTraceRow)
    return json_response(trace_view(row))


async def alt_operation(request: web.Request) -> web.Response:
    """The last operation."""
    row = await _asked(request, AltOperationQuestion(), AltOperationRow)
    return json_response(operation_view(row))


async def alt_rehome(request: web.Request) -> web.Response:
    """Begin to put another tunnel in a tunnel's place."""
    body = await _body(request, RehomeBody)
    eid = None if body.eid is None else parameters.eid(body.eid, body.instance_id)
    return await _ordered(request, "rehome", [body.old, body.new], body, eid)


async def alt_switch_provider(request: web.Request) -> web.Response:
    """Begin to switch a site's provider, as far as this node is concerned."""
    body = await _body(request, SwitchBody)
    return await _ordered(request, "switch-provider", [body.site], body)


async def _ordered(
    request: web.Request,
    kind: AltOrderKind,
    names: list[str],
    body: OrderBody,
    eid: EidPrefix | None = None,
) -> web.Response:
    """Over the Unix socket only, whose mode says who may."""
    unix_peer(request, f"mapsys alt {kind}")
    order = AltOrder(
        kind,
        names,
        body.instance_id,
        None if eid is None else eid.pack(),
        wait_seconds=body.wait_seconds,
        dry_run=body.dry_run,
        by=requester(request),
    )
    return json_response(operation_view(await _asked(request, order, AltOperationRow)))


async def _body(request: web.Request, expected: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=expected)
    except msgspec.DecodeError as error:
        raise ProblemError(Problem.INVALID_REQUEST, f"the body: {error}") from error


async def _asked(request: web.Request, question: AltAsked, expected: type[T]) -> T:
    try:
        return await request.app[QUERY_CLIENT].ask(question, expected)
    except QueryDeclined as declined:
        if (problem := _DECLINED.get(declined.reason)) is not None:
            raise problem(str(declined)) from declined
        raise
