"""``/api/v1/map-requests``: asks a Map-Resolver for an EID, as an ITR would (lig, RFC 6835)."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Annotated, Final

import msgspec
from aiohttp import web

from mapsys.core.effects import Endpoint
from mapsys.eid import MAX_INSTANCE_ID, EidPrefix
from mapsys.http import parameters
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.body import body_of
from mapsys.http.problem import Problem, ProblemError
from mapsys.lig import COUNT_DEFAULT, TIMEOUT_SECONDS_DEFAULT, Answer
from mapsys.lig_result import lig_result
from mapsys.poller.port import open_port
from mapsys.query_client import QueryClient, QueryDeclined
from mapsys.query_measures_rows import PollerQuestion, PollerRow
from mapsys.query_rows import StatusQuestion, StatusRow

QUERIES_LIMIT: Final = 20
"""Under way at once; each waits up to 6 s where nobody answers."""

QUERIES: Final = web.AppKey("queries", asyncio.Semaphore)

WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where to ask a socket that is bound to every address."""


class MapRequestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to ask; of an EID-Prefix, its first address.

    map_resolver: ``HOST:PORT``, one that ``poller:`` names; this node where it is left out.
    """

    eid: Annotated[str, msgspec.Meta(extra_json_schema={"format": "eid"})]
    instance_id: Annotated[int, msgspec.Meta(ge=0, le=MAX_INSTANCE_ID)] = 0
    map_resolver: str | None = None


async def map_requests(request: web.Request) -> web.Response:
    """Ask, wait, and tell what came."""
    body = await body_of(request, MapRequestBody)
    eid = parameters.eid(body.eid, body.instance_id)
    map_resolver = await _map_resolver(request.app[QUERY_CLIENT], body.map_resolver)
    queries = request.app[QUERIES]
    if queries.locked():
        raise ProblemError(Problem.TOO_MANY_QUERIES, f"{QUERIES_LIMIT} are under way; ask later")
    async with queries:
        answer = await _answer(eid, map_resolver)
    if answer is None:
        raise ProblemError(
            Problem.NO_MAP_REPLY, f"{map_resolver} was silent after {COUNT_DEFAULT} Map-Requests"
        )
    return json_response(lig_result(eid, map_resolver, answer))


async def _answer(eid: EidPrefix, map_resolver: Endpoint) -> Answer | None:
    try:
        port = await open_port(map_resolver)
    except OSError as error:
        raise ProblemError(
            Problem.NO_MAP_REPLY, f"no way to {map_resolver}: {error.strerror}"
        ) from error
    try:
        return await port.ask(eid, map_resolver, COUNT_DEFAULT, TIMEOUT_SECONDS_DEFAULT)
    finally:
        port.close()


async def _map_resolver(client: QueryClient, wanted: str | None) -> Endpoint:
    """Only Map-Resolvers that the configuration names: nobody makes this node send elsewhere."""
    if wanted is None:
        listen = (await client.ask(StatusQuestion(), StatusRow)).listen[0]
        return Endpoint(WILDCARDS.get(listen.host, listen.host), listen.port)
    try:
        poller = await client.ask(PollerQuestion(), PollerRow)
        known = [Endpoint(*one) for one in poller.map_resolvers]
    except QueryDeclined:  # there is no poller
        known = []
    for one in known:
        if _is(one, wanted):
            return one
    names = ", ".join(map(str, known)) or "none"
    raise ProblemError(
        Problem.UNKNOWN_MAP_RESOLVER,
        f"{wanted!r} is none of those that poller: names ({names}); leave it out to ask this node",
    )


def _is(known: Endpoint, text: str) -> bool:
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return port == str(known.port) and address == ipaddress.ip_address(known.host)
