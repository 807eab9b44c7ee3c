"""The page at ``/``: how the node is, and where everything else stands. Plain HTML, no script."""

from __future__ import annotations

from html import escape
from typing import Final

from aiohttp import web

import mapsys
from mapsys.http.api import QUERY_CLIENT
from mapsys.http.problem import Problem, ProblemError
from mapsys.query_client import DaemonAway
from mapsys.query_rows import StatusQuestion, StatusRow

LINKS: Final = (
    ("/api/v1/status", "status"),
    ("/api/v1/sites", "sites"),
    ("/api/v1/registrations", "registrations"),
    ("/metrics", "metrics"),
    ("/readyz", "readiness"),
)

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1>{body}</body></html>
"""


async def page(request: web.Request) -> web.Response:
    """The node in one screen."""
    try:
        row = await request.app[QUERY_CLIENT].ask(StatusQuestion(), StatusRow)
    except DaemonAway as away:
        return _html("mapsys", f"<p>{escape(str(away))}</p>", 503)
    facts = {
        "version": mapsys.__version__,
        "roles": ", ".join(row.roles),
        "sites": str(row.sites),
        "registrations": str(row.registrations),
        "not ready": "; ".join(row.not_ready) or "nothing",
        "degraded": "; ".join(row.degraded) or "nothing",
    }
    table = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    links = "".join(f'<li><a href="{path}">{text}</a></li>' for path, text in LINKS)
    return _html(row.node, f"<table>{table}</table><ul>{links}</ul>", 200)


async def problem_page(request: web.Request) -> web.Response:
    """What a problem's type means: the type is a path of this server."""
    for problem in Problem:
        if problem.slug == request.match_info["slug"]:
            return _html(problem.title, f"<p>Status {problem.status}, {problem.slug}.</p>", 200)
    raise ProblemError(Problem.UNKNOWN_RESOURCE, "there is no problem of this name")


def _html(title: str, body: str, status: int) -> web.Response:
    return web.Response(
        text=_PAGE.format(title=escape(title), body=body), status=status, content_type="text/html"
    )
