"""Request bodies: JSON of a known shape, or a problem that says what is wrong with it."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from mapsys.http.formats import JSON
from mapsys.http.problem import Problem, ProblemError

Body = TypeVar("Body", bound=msgspec.Struct)


async def body_of(request: web.Request, shape: type[Body]) -> Body:
    """The body. Raises ProblemError.

    Its media type has to be said: a page of another server can make a browser post
    any text, but not name it JSON unasked.
    """
    if request.content_type != JSON:
        raise ProblemError(
            Problem.UNSUPPORTED_MEDIA, f"send the body as {JSON}; this is {request.content_type}"
        )
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(Problem.INVALID_REQUEST, f"the body: {error}") from error
