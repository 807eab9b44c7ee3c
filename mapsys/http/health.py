"""Whether the node is alive, ready, and which version it is."""

from __future__ import annotations

import msgspec
from aiohttp import web

import mapsys
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.query_client import DaemonAway
from mapsys.query_rows import StatusQuestion, StatusRow


class Alive(msgspec.Struct, frozen=True):
    """``/livez``: this process answers."""

    alive: bool


class Readiness(msgspec.Struct, frozen=True):
    """``/readyz``: 200 when ready, else 503; ``not_ready`` names what is missing."""

    ready: bool
    not_ready: list[str]
    degraded: list[str]


class Version(msgspec.Struct, frozen=True):
    """``/version``."""

    version: str


async def livez(_request: web.Request) -> web.Response:
    """The HTTP process is alive, whatever the daemon does."""
    return json_response(Alive(alive=True))


async def readyz(request: web.Request) -> web.Response:
    """The daemon serves LISP messages."""
    try:
        row = await request.app[QUERY_CLIENT].ask(StatusQuestion(), StatusRow)
    except DaemonAway as away:
        return json_response(Readiness(False, [str(away)], []), status=503)
    readiness = Readiness(not row.not_ready, row.not_ready, row.degraded)
    return json_response(readiness, status=200 if readiness.ready else 503)


async def version(_request: web.Request) -> web.Response:
    """The version of mapsys."""
    return json_response(Version(mapsys.__version__))
