"""The HTTP application: the routes, and what surrounds each request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from mapsys.http.access import Access
from mapsys.http.api import QUERY_CLIENT, STATE_FOLDER
from mapsys.http.audit import AUDIT
from mapsys.http.doorkeeper import DOORKEEPER, IDENTITY, Doorkeeper
from mapsys.http.event_hub import EVENT_HUB, EventHub
from mapsys.http.event_stream import MEDIA as STREAM
from mapsys.http.feeds import FEEDS, feeds
from mapsys.http.guard import guarded
from mapsys.http.limits import BODY_OCTETS_LIMIT, ConnectionLimits
from mapsys.http.map_requests import QUERIES, QUERIES_LIMIT
from mapsys.http.metrics import HTTP_METRICS, POLL_RESULTS, HttpMetrics
from mapsys.http.openapi import DOCUMENT, document
from mapsys.http.poller import DUMPS
from mapsys.http.problem import Problem, ProblemError, problem_response
from mapsys.http.request_id import HEADER as REQUEST_ID_HEADER
from mapsys.http.request_id import REQUEST_ID
from mapsys.http.request_id import name as request_name
from mapsys.http.route import Handler
from mapsys.http.routes import ROUTES
from mapsys.net.audit import AuditTrail
from mapsys.poller.dumps import Dumps
from mapsys.poller.results import ResultsFile
from mapsys.query import SOCKET_NAME as QUERY_SOCKET_NAME
from mapsys.query_client import DaemonAway, QueryClient

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

LIMITS: Final = web.AppKey("limits", list[ConnectionLimits])
"""One list cell: the limits wrap the application's own server, so they come after it."""

_LOG: Final = logging.getLogger(__name__)
_ACCESS: Final = logging.getLogger("mapsys.http.requests")

_LOOKS: Final = ("GET", "HEAD", "OPTIONS")
"""What only looks is counted and leaves no line in the log."""


def application(client: QueryClient, state: Path, access: Access) -> web.Application:
    """The application over one query client and state folder, for those who have access."""
    app = web.Application(
        middlewares=[_observed, _with_problems], client_max_size=BODY_OCTETS_LIMIT
    )
    app[QUERY_CLIENT] = client
    app[STATE_FOLDER] = state
    app[HTTP_METRICS] = HttpMetrics()
    app[POLL_RESULTS] = ResultsFile(state)
    app[DUMPS] = Dumps(state)
    app[AUDIT] = AuditTrail(state)
    app[QUERIES] = asyncio.Semaphore(QUERIES_LIMIT)
    app[FEEDS] = feeds()
    app[LIMITS] = []
    app[DOORKEEPER] = Doorkeeper(access)
    app[EVENT_HUB] = EventHub(QueryClient(state / QUERY_SOCKET_NAME))
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_send_readers_home)
    app[DOCUMENT] = msgspec.json.encode(document(ROUTES))
    for route in ROUTES:
        if route.method == "GET":
            # HEAD as well, except where the answer has no end.
            app.router.add_get(route.path, guarded(route), allow_head=STREAM not in route.media)
        else:
            app.router.add_route(route.method, route.path, guarded(route))
    return app


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if (request_id := request.get(REQUEST_ID)) is not None:
        response.headers[REQUEST_ID_HEADER] = request_id


async def _send_readers_home(app: web.Application) -> None:
    await app[EVENT_HUB].close()


@web.middleware
async def _observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Headers are complete: stop their deadline, and measure from here."""
    for limits in request.app[LIMITS]:
        limits.headers_complete(request.protocol)
    began = time.perf_counter()
    request_id = request_name(request)
    response = await handler(request)
    resource = request.match_info.route.resource
    route = "none" if resource is None else resource.canonical
    if isinstance(response, web.Response):  # else a stream: it takes as long as it is read
        request.app[HTTP_METRICS].observe(route, response.status, time.perf_counter() - began)
    if request.method not in _LOOKS:
        by = request.get(IDENTITY)
        _ACCESS.info(
            "request %s: %s %s answered %d to %s",
            request_id,
            request.method,
            request.rel_url.raw_path,
            response.status,
            "nobody known" if by is None else by.name,
        )
    for limits in request.app[LIMITS]:
        limits.response_sent(request.protocol)
    return response


@web.middleware
async def _with_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered as a problem."""

    def problem(kind: Problem, detail: str, faults: Sequence[tuple[str, str]] = ()) -> web.Response:
        return problem_response(kind, detail, request[REQUEST_ID], faults)

    if (request.content_length or 0) > BODY_OCTETS_LIMIT:
        return problem(Problem.BODY_TOO_LARGE, f"at most {BODY_OCTETS_LIMIT} octets are taken")
    try:
        return await handler(request)
    except ProblemError as error:
        return problem(error.problem, error.detail, error.faults)
    except DaemonAway as away:
        return problem(Problem.DAEMON_AWAY, str(away))
    except web.HTTPNotFound:
        return problem(
            Problem.UNKNOWN_RESOURCE, f"{request.path} is not served; see the API's documentation"
        )
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = problem(
            Problem.METHOD_NOT_ALLOWED, f"{request.method} is not taken here; allowed: {allowed}"
        )
        response.headers["Allow"] = allowed
        return response
    except web.HTTPRequestEntityTooLarge:
        return problem(Problem.BODY_TOO_LARGE, f"at most {BODY_OCTETS_LIMIT} octets are taken")
    except web.HTTPException as error:
        return problem(Problem.INVALID_REQUEST, error.reason)
    except Exception:  # the last line of defence: the peer gets a problem, the log the bug
        _LOG.exception("request %s for %s met a bug", request[REQUEST_ID], request.path)
        return problem(Problem.INTERNAL_ERROR, "the log of the HTTP process says more")
