"""``/api/v1/review``: what the review finds in the configuration in effect and in the host."""

from __future__ import annotations

from aiohttp import web

from mapsys.http.api import QUERY_CLIENT
from mapsys.http.lists import answer_list
from mapsys.http.parameters import bad_cursor
from mapsys.query_review_rows import FindingRow, ReviewPage, ReviewQuestion


async def review(request: web.Request) -> web.StreamResponse:
    """The findings, the gravest first."""

    async def fetch(cursor: bytes | None, limit: int) -> tuple[list[FindingRow], bytes | None]:
        question = ReviewQuestion(_position(cursor), limit)
        page = await request.app[QUERY_CLIENT].ask(question, ReviewPage)
        return page.rows, None if page.next is None else str(page.next).encode()

    return await answer_list(request, FindingRow, fetch)


def _position(cursor: bytes | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdigit() or len(cursor) > 9:
        raise bad_cursor()
    return int(cursor)
