"""``/api/v1/alt``: the lists that there are of an ALT, and the way of an EID."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from mapsys.http import parameters
from mapsys.http.alt_views import alt_view, trace_view
from mapsys.http.api import QUERIES_PER_ANSWER, QUERY_CLIENT, json_response, page_response
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


def listing(what: AltList) -> Handler:
    """The handler of one list."""

    async def handle(request: web.Request) -> web.Response:
        query = request.query
        limit = parameters.limit(query)
        question = AltQuestion(
            what,
            cursor=parameters.cursor(query),
            instance_id=parameters.instance_id(query),
        )
        rows: list[msgspec.Struct] = []
        for _ in range(QUERIES_PER_ANSWER):
            question = msgspec.structs.replace(question, limit=limit - len(rows))
            page = await _asked(request, question, AltPage)
            rows += map(alt_view, page.rows)
            question = msgspec.structs.replace(question, cursor=page.next)
            if page.next is None or len(rows) >= limit:
                break
        return page_response(request, rows, question.cursor)

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
