"""``/api/v1/alt``: the lists that there are of an ALT, and the way of an EID."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from mapsys.http import parameters
from mapsys.http.alt_views import alt_view, trace_view
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.lists import answer_list
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.route import Handler
from mapsys.query_alt import NO_ALT, NOT_TRACEABLE
from mapsys.query_alt_rows import AltList, AltPage, AltQuestion, AltTraceQuestion, AltTraceRow
from mapsys.query_client import QueryDeclined

T = TypeVar("T")

_DECLINED: Final[dict[str, Callable[[str], ProblemError]]] = {
    NO_ALT: lambda detail: ProblemError(Problem.NO_ALT, detail),
    NOT_TRACEABLE: lambda detail: ProblemError(Problem.NOT_TRACEABLE, detail),
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


async def _asked(
    request: web.Request, question: AltQuestion | AltTraceQuestion, expected: type[T]
) -> T:
    try:
        return await request.app[QUERY_CLIENT].ask(question, expected)
    except QueryDeclined as declined:
        if (problem := _DECLINED.get(declined.reason)) is not None:
            raise problem(str(declined)) from declined
        raise
