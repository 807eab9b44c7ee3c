"""What the poller found: ``/api/v1/poller``, and its daily dumps."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from typing import Final

import msgspec
from aiohttp import web

from mapsys.eid import EidPrefix
from mapsys.http import parameters
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.metrics import POLL_RESULTS
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.views import timestamp
from mapsys.poller.dumps import Dumps
from mapsys.poller.results import Flag, HeardRow, PolledRow, PollResults
from mapsys.query_client import QueryDeclined
from mapsys.query_measures_rows import PollerQuestion, PollerRow
from mapsys.record_view import eid_text

ANY: Final = "any"
LATEST: Final = "latest"

DUMPS: Final = web.AppKey("dumps", Dumps)


class PolledView(msgspec.Struct, frozen=True):
    """One EID of ``/api/v1/poller``; the fields are those of ``poller.results.PolledRow``."""

    eid: str
    instance_id: int
    site: str | None
    flags: list[Flag]
    expected: str | None
    heard: list[HeardRow]


class PollerView(msgspec.Struct, frozen=True):
    """``/api/v1/poller``: the last complete cycle.

    eids: asked for in it. flagged: how many of them carry each flag. items: those that
    the parameters choose, in order; next: the ``cursor`` of the following page.
    """

    started_at: str
    finished_at: str
    interval_seconds: int
    timeout_seconds: int
    slow_milliseconds: int
    map_resolvers: list[str]
    problems: list[str]
    eids: int
    flagged: dict[Flag, int]
    items: list[PolledView]
    next: str | None


class DumpsView(msgspec.Struct, frozen=True):
    """``/api/v1/poller/dumps``: the days that there is a dump of, the newest last."""

    days: list[str]


class DumpView(msgspec.Struct, frozen=True):
    """One dump, or what it has different from the one before it."""

    day: str
    lines: list[str]


async def poller(request: web.Request) -> web.Response:
    """The last cycle, and its EIDs page by page."""
    query = request.query
    wanted = _flags(query.get("flag"))
    limit = parameters.limit(query)
    cursor = parameters.cursor(query)
    settings = await _settings(request)
    results = await asyncio.to_thread(request.app[POLL_RESULTS].read)
    if results is None:
        raise ProblemError(Problem.NO_POLL_RESULTS, "the first cycle is not over; ask again later")
    chosen = [row for row in results.rows if not wanted or wanted.intersection(row.flags)]
    start = 0 if cursor is None else bisect_right(chosen, _position(cursor), key=_asked)
    items = chosen[start : start + limit]
    following = None
    if start + limit < len(chosen):
        following = parameters.cursor_text(items[-1].eid)
    response = json_response(_view(settings, results, items, following))
    if following is not None:
        target = request.rel_url.update_query(cursor=following)
        response.headers["Link"] = f'<{target}>; rel="next"'
    return response


async def dumps(request: web.Request) -> web.Response:
    """Which dumps there are."""
    await _settings(request)
    return json_response(DumpsView(await asyncio.to_thread(request.app[DUMPS].days)))


async def dump(request: web.Request) -> web.Response:
    """The dump of a day, or of the latest one."""
    day = await _day(request)
    lines = await asyncio.to_thread(request.app[DUMPS].lines, day)
    return _lines(day, lines)


async def difference(request: web.Request) -> web.Response:
    """What the dump of a day has different from the one before it."""
    day = await _day(request)
    lines = await asyncio.to_thread(request.app[DUMPS].difference, day)
    return _lines(day, lines)


async def _settings(request: web.Request) -> PollerRow:
    try:
        return await request.app[QUERY_CLIENT].ask(PollerQuestion(), PollerRow)
    except QueryDeclined as declined:
        raise ProblemError(Problem.NO_POLL_RESULTS, str(declined)) from declined


async def _day(request: web.Request) -> str:
    await _settings(request)
    day = request.match_info["day"]
    if day != LATEST:
        return day
    days = await asyncio.to_thread(request.app[DUMPS].days)
    if not days:
        raise ProblemError(Problem.NO_POLL_RESULTS, "the first cycle is not over; ask again later")
    return days[-1]


def _lines(day: str, lines: list[str] | None) -> web.Response:
    if lines is None:
        raise ProblemError(
            Problem.NO_POLL_RESULTS,
            f"there is no dump of {day!r}; /api/v1/poller/dumps has the days",
        )
    return json_response(DumpView(day, lines))


def _flags(text: str | None) -> set[Flag]:
    """The flags of which one is wanted; empty for all EIDs."""
    if text is None:
        return set()
    if text == ANY:
        return set(Flag)
    try:
        return {Flag(text)}
    except ValueError as error:
        allowed = ", ".join([*Flag, ANY])
        raise ProblemError(
            Problem.INVALID_PARAMETER, f"flag={text!r}; allowed: {allowed}"
        ) from error


def _position(cursor: bytes) -> EidPrefix:
    try:
        return EidPrefix.unpack(cursor)[0]
    except ValueError as error:
        raise parameters.bad_cursor() from error


def _asked(row: PolledRow) -> EidPrefix:
    return EidPrefix.unpack(row.eid)[0]


def _polled(row: PolledRow) -> PolledView:
    eid = _asked(row)
    return PolledView(
        eid=eid_text(eid),
        instance_id=eid.instance_id,
        site=row.site,
        flags=row.flags,
        expected=row.expected,
        heard=row.heard,
    )


def _view(
    settings: PollerRow, results: PollResults, items: list[PolledRow], following: str | None
) -> PollerView:
    return PollerView(
        started_at=timestamp(results.started_at),
        finished_at=timestamp(results.finished_at),
        interval_seconds=settings.interval_seconds,
        timeout_seconds=settings.timeout_seconds,
        slow_milliseconds=settings.slow_milliseconds,
        map_resolvers=results.map_resolvers,
        problems=results.problems,
        eids=len(results.rows),
        flagged=results.flagged(),
        items=[_polled(row) for row in items],
        next=following,
    )
