"""``/api/v1/subscriptions`` and ``/api/v1/pitr-prefixes``."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from aiohttp import ETag, web

from mapsys.eid import EidPrefix
from mapsys.http import parameters
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.lists import answer_list
from mapsys.http.pitr_feed import PitrFeed, fewest
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.views import timestamp
from mapsys.query_client import QueryDeclined
from mapsys.query_feeds_rows import (
    PREFIX_SOURCES,
    PitrPrefixesPage,
    PitrPrefixesQuestion,
    PrefixSource,
    SubscriptionRow,
    SubscriptionsPage,
    SubscriptionsQuestion,
)
from mapsys.record_view import plain_text

PLAIN: Final = "text/plain"

FEEDS: Final = web.AppKey("pitr_feeds", dict[PrefixSource, PitrFeed])


def feeds() -> dict[PrefixSource, PitrFeed]:
    """One for each source."""
    return {source: PitrFeed() for source in PREFIX_SOURCES}


class SubscriptionView(msgspec.Struct, frozen=True):
    """One xTR at one EID-Prefix. state: active, silent or removed."""

    eid_prefix: str
    instance_id: int
    xtr_id: str
    state: str
    itr_rlocs: list[str]
    key_id: int
    temporary: bool
    ends_at: str | None
    last_nonce: int


class PitrPrefixesView(msgspec.Struct, frozen=True):
    """``/api/v1/pitr-prefixes``.

    reset: with ``since``, whether that set is not remembered: begin again with
    ``prefixes``, which then holds all. Otherwise ``announce`` and ``withdraw`` lead from
    that set to the present one. tag: to ask with as ``since`` next time.
    """

    tag: str
    of: str
    reset: bool
    prefixes: list[str]
    announce: list[str]
    withdraw: list[str]


async def subscriptions(request: web.Request) -> web.StreamResponse:
    """Who hears of which changes."""
    prefix = parameters.prefix(request.query)
    packed = None if prefix is None else prefix.pack()

    async def fetch(
        cursor: bytes | None, limit: int
    ) -> tuple[list[SubscriptionView], bytes | None]:
        question = SubscriptionsQuestion(limit, cursor, packed)
        try:
            page = await request.app[QUERY_CLIENT].ask(question, SubscriptionsPage)
        except QueryDeclined as declined:
            if declined.reason == "malformed-question":
                raise parameters.bad_cursor() from declined
            raise
        return [_subscription_view(row) for row in page.rows], page.next

    return await answer_list(request, SubscriptionView, fetch)


async def pitr_prefixes(request: web.Request) -> web.Response:
    """What a PITR should announce to the Internet outside of LISP sites."""
    source = _source(request.query.get("of", "configured"))
    prefixes = await _prefixes(request, source)
    feed = request.app[FEEDS][source]
    since = request.query.get("since")
    difference = None if since is None else feed.since(since, prefixes)
    tag = feed.take(prefixes)
    if _wants_text(request):
        if since is not None:
            raise ProblemError(Problem.INVALID_PARAMETER, "'since' is answered in JSON only")
        body = "".join(f"{prefix}\n" for prefix in prefixes)
        response = web.Response(text=body, content_type=PLAIN, headers={"Vary": "Accept"})
        response.etag = ETag(f"{tag}-text", True)
        return response
    view = PitrPrefixesView(
        tag,
        source,
        since is not None and difference is None,
        [str(one) for one in prefixes] if difference is None else [],
        [] if difference is None else [str(one) for one in difference.announce],
        [] if difference is None else [str(one) for one in difference.withdraw],
    )
    response = json_response(view)
    response.headers["Vary"] = "Accept"
    return response


async def _prefixes(request: web.Request, source: PrefixSource) -> list[EidPrefix]:
    client = request.app[QUERY_CLIENT]
    found: set[EidPrefix] = set()
    cursor: bytes | None = None
    while True:
        page = await client.ask(PitrPrefixesQuestion(source, cursor), PitrPrefixesPage)
        found.update(EidPrefix.unpack(octets)[0] for octets in page.prefixes)
        if (cursor := page.next) is None:
            break
    return await asyncio.to_thread(fewest, found)


def _source(text: str) -> PrefixSource:
    for known in PREFIX_SOURCES:
        if text == known:
            return known
    raise ProblemError(
        Problem.INVALID_PARAMETER, f"of={text!r}; allowed: {', '.join(PREFIX_SOURCES)}"
    )


def _wants_text(request: web.Request) -> bool:
    accept = request.headers.get("Accept", "")
    return PLAIN in accept and "application/json" not in accept


def _subscription_view(row: SubscriptionRow) -> SubscriptionView:
    eid, _ = EidPrefix.unpack(row.eid)
    return SubscriptionView(
        eid_prefix=plain_text(eid),
        instance_id=eid.instance_id,
        xtr_id=row.xtr_id.hex(),
        state=row.state,
        itr_rlocs=row.itr_rlocs,
        key_id=row.key_id,
        temporary=row.temporary,
        ends_at=None if row.ends_at is None else timestamp(row.ends_at),
        last_nonce=row.last_nonce,
    )
