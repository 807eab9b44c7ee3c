"""``/api/v1/audit``: the audit trail, read from its end."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from mapsys.http.lists import answer_list
from mapsys.http.parameters import bad_cursor
from mapsys.http.views import timestamp
from mapsys.net.audit import AuditTrail

AUDIT: Final = web.AppKey("audit", AuditTrail)

_OWN: Final = ("at", "what", "who", "how", "from", "uid", "pid", "request_id", "result")


class AuditView(msgspec.Struct, frozen=True, rename={"source": "from"}):
    """One order. about: what else was noted of it, such as the site; never a secret.

    source: the address over TCP.
    """

    at: str
    what: str
    who: str | None
    how: str | None
    source: str | None
    uid: int | None
    pid: int | None
    request_id: str | None
    result: str | None
    about: dict[str, Any]


async def audit(request: web.Request) -> web.StreamResponse:
    """Lines of the trail, the newest first."""
    trail = request.app[AUDIT]

    async def fetch(cursor: bytes | None, limit: int) -> tuple[list[AuditView], bytes | None]:
        try:
            before = None if cursor is None else int(cursor.decode("ascii"))
            lines, rest = await asyncio.to_thread(trail.read_back, before, limit)
        except ValueError as error:
            raise bad_cursor() from error
        return [_view(facts) for facts in lines], None if rest is None else str(rest).encode()

    return await answer_list(request, AuditView, fetch)


def _view(facts: dict[str, Any]) -> AuditView:
    return AuditView(
        at=timestamp(float(facts.get("at", 0))),
        what=str(facts.get("what")),
        who=facts.get("who"),
        how=facts.get("how"),
        source=facts.get("from"),
        uid=facts.get("uid"),
        pid=facts.get("pid"),
        request_id=facts.get("request_id"),
        result=facts.get("result"),
        about={
            name: member
            for name, member in facts.items()
            if name not in _OWN and member is not None
        },
    )
