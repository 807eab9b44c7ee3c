"""Errors of the API: ``application/problem+json`` with a type that stays the same (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

RETRY_SECONDS: Final = 10
"""What whoever was one too many is told to wait."""

CONTENT_TYPE: Final = "application/problem+json"


class Problem(Enum):
    """Every error the API answers: its name in the type, the status, and the title."""

    INVALID_PARAMETER = ("invalid-parameter", 400, "A parameter has a wrong value")
    INVALID_EID = ("invalid-eid", 400, "This is no EID or EID-Prefix")
    BAD_CURSOR = ("bad-cursor", 400, "The cursor was not handed out by this API")
    UNAUTHORIZED = ("unauthorized", 401, "Nobody is let in without saying who they are")
    FORBIDDEN = ("forbidden", 403, "Whoever this is may not do this")
    WRONG_HOST = ("wrong-host", 421, "This server is not known by that name")
    UNKNOWN_EID = ("unknown-eid", 404, "None of your sites holds this EID")
    UNKNOWN_SITE = ("unknown-site", 404, "No site has this name")
    UNKNOWN_KEY = ("unknown-key", 404, "The site has no key of this id")
    NO_NONCE = ("no-nonce", 404, "No nonce is remembered")
    NO_POLL_RESULTS = ("no-poll-results", 404, "The poller has found nothing yet")
    NO_ALT = ("no-alt", 404, "There is no ALT of this instance-ID")
    NO_OPERATION = ("no-operation", 404, "No operation was begun yet")
    ORDER_REFUSED = ("order-refused", 409, "The operation cannot be begun")
    NOT_TRACEABLE = ("not-traceable", 400, "The way of this EID cannot be traced")
    INVALID_CONFIGURATION = ("invalid-configuration", 409, "The configuration has faults")
    RELOAD_REFUSED = ("reload-refused", 409, "The configuration cannot be taken over")
    NOTHING_UNCONFIRMED = ("nothing-unconfirmed", 409, "No configuration is on trial")
    INVALID_SITE = ("invalid-site", 422, "The site cannot be used")
    KEY_REUSED = ("key-reused", 422, "The Idempotency-Key came with another site before")
    SITE_EXISTS = ("site-exists", 409, "There is a site of this name already")
    PREFIX_TAKEN = ("prefix-taken", 409, "An EID-Prefix belongs to another site")
    MISPLACED = ("misplaced", 409, "A static mapping would not be inside its site")
    OF_A_FILE = ("of-a-file", 409, "The site stands in a file, and is changed there")
    NO_MAP_SERVER = ("no-map-server", 409, "This node is no Map-Server")
    ROTATION_UNDER_WAY = ("rotation-under-way", 409, "The key has a next secret already")
    NO_ROTATION = ("no-rotation", 409, "The key has no next secret")
    STALE = ("stale", 412, "It was changed since it was read")
    PRECONDITION_REQUIRED = ("precondition-required", 428, "Say which state of it you change")
    SECRET_IN_CLEAR = ("secret-in-clear", 403, "Others could listen to a secret")
    NOT_OVER_TCP = ("not-over-tcp", 403, "This is taken at the Unix socket only")
    NOT_DONE = ("not-done", 503, "The daemon could not do it, and changed nothing")
    UNKNOWN_RESOURCE = ("unknown-resource", 404, "Nothing is served at this path")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "This path does not take this method")
    NOT_ACCEPTABLE = ("not-acceptable", 406, "The list does not come in a form that is accepted")
    UNKNOWN_MAP_RESOLVER = ("unknown-map-resolver", 400, "The Map-Resolver is not configured")
    UNSUPPORTED_MEDIA = ("unsupported-media", 415, "The body has to be JSON, and to say so")
    TOO_MANY_QUERIES = ("too-many-queries", 429, "Too many Map-Requests are under way")
    NO_MAP_REPLY = ("no-map-reply", 504, "No Map-Reply came")
    TOO_MANY_READERS = ("too-many-readers", 429, "Too many read the events already")
    BODY_TOO_LARGE = ("body-too-large", 413, "The request body is over the limit")
    INVALID_REQUEST = ("invalid-request", 400, "The request cannot be understood")
    INTERNAL_ERROR = ("internal-error", 500, "The HTTP process met a bug")
    DAEMON_AWAY = ("daemon-away", 503, "The mapsys daemon does not answer")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """The ``type`` member: a path of this server, which explains the problem."""
        return f"/problems/{self.slug}"


class BodyFault(msgspec.Struct, frozen=True):
    """One thing that is wrong in a body. pointer: where (RFC 6901); empty for the whole."""

    pointer: str
    detail: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error. detail: what was wrong here, and what to do.

    request_id: the answer's ``X-Request-Id``, by which logs name the request. errors:
    where a body has several faults, each of them.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[BodyFault] | None = None


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, problem: Problem, detail: str, faults: Sequence[tuple[str, str]] = ()
    ) -> None:
        """faults: of the body: a JSON pointer, and what is wrong there."""
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.faults = tuple(faults)


def problem_response(
    problem: Problem, detail: str, request_id: str, faults: Sequence[tuple[str, str]] = ()
) -> web.Response:
    """A problem as a response."""
    errors = [BodyFault(*fault) for fault in faults] or None
    body = ProblemBody(problem.uri, problem.title, problem.status, detail, request_id, errors)
    response = web.Response(
        body=msgspec.json.encode(body), status=problem.status, content_type=CONTENT_TYPE
    )
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    if problem is Problem.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="mapsys"'
    return response
