"""The resources below ``/api/v1``; every one is read from the daemon at the moment it is asked."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import ETag, web

from mapsys.hooks.settings import read_states
from mapsys.http import formats, parameters
from mapsys.http.doorkeeper import IDENTITY
from mapsys.http.etag import digest_of, has, not_modified
from mapsys.http.event_stream import event_id
from mapsys.http.lists import answer_list
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.tenant import own_lookup
from mapsys.http.views import (
    ConfigView,
    RegistrationView,
    SiteView,
    lookup_view,
    registration_view,
    site_detail_view,
    site_view,
    status_view,
)
from mapsys.query_client import QueryClient, QueryDeclined
from mapsys.query_config_rows import ConfigQuestion, ConfigRow
from mapsys.query_events_rows import ChangesPage, ChangesQuestion
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

QUERY_CLIENT: Final = web.AppKey("query_client", QueryClient)

STATE_FOLDER: Final = web.AppKey("state_folder", Path)


async def status(request: web.Request) -> web.Response:
    """How the daemon is."""
    row = await request.app[QUERY_CLIENT].ask(StatusQuestion(), StatusRow)
    hooks = await asyncio.to_thread(read_states, request.app[STATE_FOLDER])
    return json_response(status_view(row, hooks, time.time()))


async def sites(request: web.Request) -> web.StreamResponse:
    """The configured sites, by name; of a tenant, its own."""
    own = request[IDENTITY].sites

    async def fetch(cursor: bytes | None, limit: int) -> tuple[list[SiteView], bytes | None]:
        after = (cursor or b"").decode("utf-8", "replace")
        if own is not None:
            return await _own_sites(request, own, after, limit)
        page = await request.app[QUERY_CLIENT].ask(SitesQuestion(after, limit), SitesPage)
        following = None if page.next is None else page.next.encode()
        return [site_view(row) for row in page.rows], following

    return await answer_list(request, SiteView, fetch)


async def site(request: web.Request) -> web.Response:
    """One site."""
    name = request.match_info["name"]
    if not request[IDENTITY].sees(name):  # said as of one that there is not
        raise ProblemError(Problem.UNKNOWN_SITE, f"no site is called {name!r}")
    row = await _ask_site(request, SiteQuestion(name))
    response = json_response(site_detail_view(row))
    if row.revision is not None:
        # What is changed is named by its revision; the rest says which answer this was.
        assert isinstance(response.body, bytes)
        response.etag = ETag(f"{row.revision}-{digest_of(response.body)}")
    return response


async def registrations(request: web.Request) -> web.StreamResponse:
    """Registrations in table order, filtered."""
    query = request.query
    prefix = parameters.prefix(query)
    question = RegistrationsQuestion(
        site=_site_wanted(request),
        instance_id=parameters.instance_id(query),
        prefix=None if prefix is None else prefix.pack(),
        match=parameters.match(query),
        state=parameters.state(query),
        locator=parameters.locator(query),
        xtr_id=parameters.xtr_id(query),
    )

    async def fetch(
        cursor: bytes | None, limit: int
    ) -> tuple[list[RegistrationView], bytes | None]:
        asked = msgspec.structs.replace(question, cursor=cursor, limit=limit)
        page = await _ask_registrations(request, asked)
        return [registration_view(row) for row in page.rows], page.next

    tag = await _generation(request)
    if has(request, tag):
        return not_modified(tag)
    response = await answer_list(request, RegistrationView, fetch)
    if not response.prepared:
        response.etag = ETag(tag, True)
    return response


async def lookup(request: web.Request) -> web.Response:
    """What a Map-Request for an EID meets."""
    within = parameters.instance_id(request.query) or 0
    eid = parameters.eid(request.match_info["eid"], within)
    row = await request.app[QUERY_CLIENT].ask(LookupQuestion(eid.pack()), LookupRow)
    return json_response(lookup_view(own_lookup(row, request[IDENTITY])))


async def config(request: web.Request) -> web.Response:
    """The configuration in effect, its sites apart; secrets are not shown."""
    row = await request.app[QUERY_CLIENT].ask(ConfigQuestion(), ConfigRow)
    settings: dict[str, Any] = msgspec.json.decode(row.settings)
    return json_response(ConfigView(row.config_hash, row.sites, settings, row.warnings))


def json_response(body: msgspec.Struct, status: int = 200) -> web.Response:
    """A struct as JSON."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


async def _own_sites(
    request: web.Request, own: frozenset[str], after: str, limit: int
) -> tuple[list[SiteView], bytes | None]:
    later = sorted(name for name in own if name > after)
    views = []
    for name in later[:limit]:
        with suppress(ProblemError):  # it is not configured any more
            views.append(site_view(await _ask_site(request, SiteQuestion(name))))
    return views, later[limit - 1].encode() if len(later) > limit else None


def _site_wanted(request: web.Request) -> str | None:
    """``site``; a tenant has to name one of its own unless it has one only."""
    wanted, identity = request.query.get("site"), request[IDENTITY]
    if identity.sites is None:
        return wanted
    own = sorted(identity.sites)
    if wanted is None and len(own) == 1:
        return own[0]
    if wanted is None or wanted not in own:
        raise ProblemError(
            Problem.INVALID_PARAMETER, f"'site' has to be one of your own: {', '.join(own)}"
        )
    return wanted


async def _generation(request: web.Request) -> str:
    """Names what is registered; a refresh, which only moves times, does not change it."""
    page = await request.app[QUERY_CLIENT].ask(ChangesQuestion(), ChangesPage)
    form = formats.chosen(request.headers.get("Accept", ""))
    return f"{event_id(page.session, page.serial)}-{formats.LIST_MEDIA.index(form)}"


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
