"""``/api/v1/explain`` and ``/api/v1/history``: why an EID is answered so, and what moved."""

from __future__ import annotations

from aiohttp import web

from mapsys.eid import EidPrefix
from mapsys.http import parameters
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.explain_views import explain_view, history_view
from mapsys.query_explain_rows import ExplainQuestion, ExplainRow, HistoryPage, HistoryQuestion
from mapsys.query_rows import LookupQuestion, LookupRow


async def explain(request: web.Request) -> web.Response:
    """What a Map-Request for an EID meets, with everything that decides."""
    eid = _eid(request).pack()
    client = request.app[QUERY_CLIENT]
    found = await client.ask(LookupQuestion(eid), LookupRow)
    row = await client.ask(ExplainQuestion(eid), ExplainRow)
    return json_response(explain_view(found, row))


async def history(request: web.Request) -> web.Response:
    """Moves of an EID and of EID-Prefixes around it."""
    question = HistoryQuestion(_eid(request).pack())
    page = await request.app[QUERY_CLIENT].ask(question, HistoryPage)
    return json_response(history_view(page))


def _eid(request: web.Request) -> EidPrefix:
    within = parameters.instance_id(request.query) or 0
    return parameters.eid(request.match_info["eid"], within)
