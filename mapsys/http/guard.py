"""What every request passes before its handler: who sends it, and whether it can be meant."""

from __future__ import annotations

from aiohttp import web

from mapsys.http.doorkeeper import DOORKEEPER, IDENTITY
from mapsys.http.etag import conditional
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.route import Handler, Route


def guarded(route: Route) -> Handler:
    """The route's handler behind its checks."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[IDENTITY] = request.app[DOORKEEPER].admit(request, route)
        _refuse_unknown_parameters(route, request)
        return conditional(request, await route.handler(request))

    return handle


def _refuse_unknown_parameters(route: Route, request: web.Request) -> None:
    seen = set()
    for name in request.query:
        if name not in route.query_names:
            allowed = ", ".join(sorted(route.query_names)) or "none"
            raise ProblemError(
                Problem.INVALID_PARAMETER, f"{name!r} is not known here; allowed: {allowed}"
            )
        if name in seen:
            raise ProblemError(Problem.INVALID_PARAMETER, f"{name!r} is given twice")
        seen.add(name)
