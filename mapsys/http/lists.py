"""How a list is answered: a page of JSON, or rows in another form, to the end without a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from mapsys.http import formats, parameters
from mapsys.http.problem import ProblemError
from mapsys.query_client import DaemonAway, QueryDeclined
from mapsys.query_rows import PAGE_ROWS_LIMIT

QUERIES_PER_ANSWER: Final = 20
"""Pages asked of the daemon for one answer; a filter that matches little gets a short one."""

Fetch = Callable[[bytes | None, int], Awaitable[tuple[Sequence[msgspec.Struct], bytes | None]]]
"""Items after a cursor, None for the start, with the cursor behind them, None at the end."""


class Page(msgspec.Struct, frozen=True):
    """A list. next: the ``cursor`` of the following page, or None at the end."""

    items: Sequence[Any]
    next: str | None


async def answer_list(
    request: web.Request, rows: type[msgspec.Struct], fetch: Fetch
) -> web.StreamResponse:
    """Answer ``limit``, ``cursor``, ``fields`` and ``Accept``. Raises ProblemError."""
    query = request.query
    media = formats.chosen(request.headers.get("Accept", ""))
    fields = formats.fields_of(rows, query.get("fields"))
    cursor, limit = parameters.cursor(query), parameters.limit(query)
    if media != formats.JSON and "limit" not in query:
        return await _all_rows(request, media, fields, fetch)
    items, following = await _one_page(fetch, cursor, limit)
    if media == formats.JSON:
        chosen = items if fields == rows.__struct_fields__ else _cut(items, fields)
        next_cursor = None if following is None else parameters.cursor_text(following)
        body = msgspec.json.encode(Page(chosen, next_cursor))
    else:
        body = _opening(media, fields) + _encoded(media, items, fields)
    response = web.Response(body=body, headers={"Content-Type": media, "Vary": "Accept"})
    if following is not None:
        target = request.rel_url.update_query(cursor=parameters.cursor_text(following))
        response.headers["Link"] = f'<{target}>; rel="next"'
    return response


async def _one_page(
    fetch: Fetch, cursor: bytes | None, limit: int
) -> tuple[list[msgspec.Struct], bytes | None]:
    items: list[msgspec.Struct] = []
    for _ in range(QUERIES_PER_ANSWER):
        found, cursor = await fetch(cursor, limit - len(items))
        items += found
        if cursor is None or len(items) >= limit:
            break
    return items, cursor


async def _all_rows(
    request: web.Request, media: str, fields: Sequence[str], fetch: Fetch
) -> web.StreamResponse:
    """Row after row as the client takes them; what can be refused is refused before the first."""
    items, cursor = await fetch(parameters.cursor(request.query), PAGE_ROWS_LIMIT)
    response = web.StreamResponse(headers={"Content-Type": media, "Vary": "Accept"})
    with suppress(ConnectionResetError):  # the client had enough
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        await response.write(_opening(media, fields) + _encoded(media, items, fields))
        while cursor is not None:
            try:
                items, cursor = await fetch(cursor, PAGE_ROWS_LIMIT)
            except (DaemonAway, QueryDeclined, ProblemError):
                # Too late for a problem: a connection that is cut tells that rows are missing.
                if request.transport is not None:
                    request.transport.abort()
                return response
            await response.write(_encoded(media, items, fields))
        await response.write_eof()
    return response


def _cut(items: Sequence[msgspec.Struct], fields: Sequence[str]) -> list[dict[str, Any]]:
    return [formats.members(item, fields) for item in items]


def _opening(media: str, fields: Sequence[str]) -> bytes:
    return formats.csv_header(fields) if media == formats.CSV else b""


def _encoded(media: str, items: Sequence[msgspec.Struct], fields: Sequence[str]) -> bytes:
    encode = formats.csv_rows if media == formats.CSV else formats.ndjson
    return encode(items, fields)
