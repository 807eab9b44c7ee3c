"""The live page at ``/``, its files below ``/page/``, and the page that explains a problem."""

from __future__ import annotations

from html import escape
from typing import Final

from aiohttp import web

from mapsys.http.page import INDEX, PageFile, page_files
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.route import HTML, SLUG, Parameter, Route

SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No text ever becomes markup or code, whatever a script of the page tries.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Only what this server sends runs or is loaded; nothing stands inline (CSP, level 3)."""

_FILES: Final = page_files()

_EXPLANATION: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>Status {status}, {slug}.</p></body></html>
"""


async def index(_request: web.Request) -> web.Response:
    """The page; what it shows, it asks of the API."""
    return _sent(_FILES[INDEX])


async def file(request: web.Request) -> web.Response:
    """One file of the page."""
    path = request.match_info["path"]
    if (found := _FILES.get(path)) is None:
        raise ProblemError(Problem.UNKNOWN_RESOURCE, f"the page has no file {path!r}")
    return _sent(found)


async def explanation(request: web.Request) -> web.Response:
    """What a problem's type means: the type is a path of this server."""
    for problem in Problem:
        if problem.slug == request.match_info["slug"]:
            text = _EXPLANATION.format(
                title=escape(problem.title), status=problem.status, slug=problem.slug
            )
            return web.Response(text=text, content_type=HTML)
    raise ProblemError(Problem.UNKNOWN_RESOURCE, "there is no problem of this name")


def _sent(page_file: PageFile) -> web.Response:
    response = web.Response(
        body=page_file.octets, content_type=page_file.media_type, charset="utf-8"
    )
    response.headers["Content-Security-Policy"] = SECURITY_POLICY
    return response


PAGE: Final = (
    Route("/", index, "The live page.", media=(HTML,), asks_daemon=False, role=None),
    Route(
        "/page/{path:[\\s\\S]+}",
        file,
        "A file of the live page.",
        media=(HTML, "text/css", "text/javascript", "image/svg+xml"),
        parameters=(
            Parameter(
                "path",
                "The file's path.",
                {"type": "string", "enum": sorted(_FILES)},
                in_path=True,
            ),
        ),
        problems=(Problem.UNKNOWN_RESOURCE,),
        asks_daemon=False,
        role=None,
    ),
    Route(
        "/problems/{slug}",
        explanation,
        "What the type of an error means.",
        media=(HTML,),
        parameters=(SLUG,),
        problems=(Problem.UNKNOWN_RESOURCE,),
        asks_daemon=False,
        role=None,
    ),
)
"""What people open in a browser; the files hold nothing of this node, so everyone may have them."""
