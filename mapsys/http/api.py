"""The resources below ``/api/v1``; every one is read from the daemon at the moment it is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from mapsys.http import parameters
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.views import (
    RegistrationView,
    lookup_view,
    registration_view,
    site_view,
    status_view,
)
from mapsys.query_client import QueryClient, QueryDeclined
from mapsys.query_rows import (
    LookupQuestion,
    LookupRow,
    RegistrationsPage,
    RegistrationsQuestion,
    SiteQuestion,
    SiteRow,
    SitesPage,
    SitesQuestion,
    StatusQuestion,
    StatusRow,
)

QUERIES_PER_ANSWER: Final = 20
"""Pages asked of the daemon for one answer; a filter that matches little gets a short one."""

QUERY_CLIENT: Final = web.AppKey("query_client", QueryClient)


class Page(msgspec.Struct, frozen=True):
    """A list. next: the ``cursor`` of the following page, or None at the end."""

    items: Sequence[msgspec.Struct]
    next: str | None


async def status(request: web.Request) -> web.Response:
    """How the daemon is."""
    row = await request.app[QUERY_CLIENT].ask(StatusQuestion(), StatusRow)
    return json_response(status_view(row, time.time()))


async def sites(request: web.Request) -> web.Response:
    """The configured sites, by name."""
    query = request.query
    after = (parameters.cursor(query) or b"").decode("utf-8", "replace")
    rows: list[SiteRow] = []
    limit = parameters.limit(query)
    following: str | None = after
    while following is not None and len(rows) < limit:
        question = SitesQuestion(following, limit - len(rows))
        page = await request.app[QUERY_CLIENT].ask(question, SitesPage)
        rows += page.rows
        following = page.next
    return page_response(
        request,
        [site_view(row) for row in rows],
        None if following is None else following.encode(),
    )


async def site(request: web.Request) -> web.Response:
    """One site."""
    question = SiteQuestion(request.match_info["name"])
    return json_response(site_view(await _ask_site(request, question)))


async def registrations(request: web.Request) -> web.Response:
    """Registrations in table order, filtered."""
    query = request.query
    prefix = parameters.prefix(query)
    limit = parameters.limit(query)
    question = RegistrationsQuestion(
        cursor=parameters.cursor(query),
        site=query.get("site"),
        instance_id=parameters.instance_id(query),
        prefix=None if prefix is None else prefix.pack(),
        match=parameters.match(query),
    )
    views: list[RegistrationView] = []
    for _ in range(QUERIES_PER_ANSWER):
        question = msgspec.structs.replace(question, limit=limit - len(views))
        page = await _ask_registrations(request, question)
        views += [registration_view(row) for row in page.rows]
        question = msgspec.structs.replace(question, cursor=page.next)
        if page.next is None or len(views) == limit:
            break
    return page_response(request, views, question.cursor)


async def lookup(request: web.Request) -> web.Response:
    """What a Map-Request for an EID meets."""
    within = parameters.instance_id(request.query) or 0
    eid = parameters.eid(request.match_info["eid"], within)
    row = await request.app[QUERY_CLIENT].ask(LookupQuestion(eid.pack()), LookupRow)
    return json_response(lookup_view(row))


def json_response(body: msgspec.Struct, status: int = 200) -> web.Response:
    """A struct as JSON."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


async def _ask_site(request: web.Request, question: SiteQuestion) -> SiteRow:
    try:
        return await request.app[QUERY_CLIENT].ask(question, SiteRow)
    except QueryDeclined as declined:
        if declined.reason == "unknown-site":
            raise ProblemError(Problem.UNKNOWN_SITE, str(declined)) from declined
        raise


async def _ask_registrations(
    request: web.Request, question: RegistrationsQuestion
) -> RegistrationsPage:
    try:
        return await request.app[QUERY_CLIENT].ask(question, RegistrationsPage)
    except QueryDeclined as declined:
        if declined.reason == "bad-cursor":
            raise parameters.bad_cursor() from declined
        raise


def page_response(
    request: web.Request, items: Sequence[msgspec.Struct], following: bytes | None
) -> web.Response:
    """A list, with the cursor of what follows it; None at the end."""
    cursor = None if following is None else parameters.cursor_text(following)
    response = json_response(Page(items, cursor))
    if cursor is not None:
        target = request.rel_url.update_query(cursor=cursor)
        response.headers["Link"] = f'<{target}>; rel="next"'
    return response
