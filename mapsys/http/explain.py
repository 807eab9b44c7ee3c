"""``/api/v1/explain`` and ``/api/v1/history``: why an EID is answered so, and what happened."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from mapsys.eid import EidPrefix
from mapsys.http import parameters
from mapsys.http.alt_views import AltRouteView, alt_view
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.doorkeeper import IDENTITY
from mapsys.http.explain_views import HistoryView, explain_view, history_view
from mapsys.http.lists import answer_list
from mapsys.http.tenant import own_explanation, own_history, own_lookup, require_own
from mapsys.query_alt import NO_ALT
from mapsys.query_alt_rows import AltPage, AltQuestion
from mapsys.query_client import QueryDeclined
from mapsys.query_explain_rows import ExplainQuestion, ExplainRow, HistoryPage, HistoryQuestion
from mapsys.query_rows import LookupQuestion, LookupRow

NUMBER_OCTETS: Final = 8
"""Of a cursor in a history."""


async def explain(request: web.Request) -> web.Response:
    """What a Map-Request for an EID meets, with everything that decides."""
    eid = _eid(request).pack()
    client = request.app[QUERY_CLIENT]
    found = await client.ask(LookupQuestion(eid), LookupRow)
    identity = request[IDENTITY]
    shown = own_lookup(found, identity)
    row = await client.ask(ExplainQuestion(eid), ExplainRow)
    ways = await _ways(request) if identity.sites is None else []
    return json_response(explain_view(shown, own_explanation(found, row, identity), ways))


async def _ways(request: web.Request) -> list[AltRouteView]:
    """The ALT's routes around the EID at this node, longest first; none without an ALT."""
    eid = _eid(request)
    question = AltQuestion("routes", instance_id=eid.instance_id, around=eid.pack())
    try:
        page = await request.app[QUERY_CLIENT].ask(question, AltPage)
    except QueryDeclined as declined:
        if declined.reason == NO_ALT:
            return []
        raise
    views = (alt_view(row) for row in page.rows)
    return [view for view in views if isinstance(view, AltRouteView) and view.in_use]


async def history(request: web.Request) -> web.StreamResponse:
    """What happened to an EID and to EID-Prefixes around it."""
    question = HistoryQuestion(_eid(request).pack())
    client, identity = request.app[QUERY_CLIENT], request[IDENTITY]
    require_own(await client.ask(LookupQuestion(question.eid), LookupRow), identity)

    async def fetch(cursor: bytes | None, limit: int) -> tuple[list[HistoryView], bytes | None]:
        before = None if cursor is None else _number(cursor)
        asked = msgspec.structs.replace(question, before=before, limit=limit)
        page = own_history(await client.ask(asked, HistoryPage), identity)
        following = None if page.next is None else page.next.to_bytes(NUMBER_OCTETS, "big")
        return [history_view(row) for row in page.rows], following

    return await answer_list(request, HistoryView, fetch)


def _number(cursor: bytes) -> int:
    if len(cursor) != NUMBER_OCTETS:
        raise parameters.bad_cursor()
    return int.from_bytes(cursor, "big")


def _eid(request: web.Request) -> EidPrefix:
    within = parameters.instance_id(request.query) or 0
    return parameters.eid(request.match_info["eid"], within)
