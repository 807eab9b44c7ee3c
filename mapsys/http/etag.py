"""Entity tags: what a client has already is not sent again (RFC 9110, 13.1.2)."""

from __future__ import annotations

import hashlib
from typing import Final

from aiohttp import ETag, web

from mapsys.http.formats import JSON

REVALIDATE: Final = "private, no-cache"
"""Keep it, but ask before it is used again."""


def conditional(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The response with a tag, or that nothing is different from what the client has.

    A tag that the handler has set stays; else it is a digest of the body.
    """
    if request.method not in ("GET", "HEAD") or response.status != web.HTTPOk.status_code:
        return response
    if not isinstance(response, web.Response) or response.prepared:
        return response
    if response.etag is None and response.content_type == JSON:
        assert isinstance(response.body, bytes)
        response.etag = ETag(digest_of(response.body), True)
    if response.etag is None:
        return response
    response.headers["Cache-Control"] = REVALIDATE
    if has(request, response.etag.value):
        return not_modified(response.etag.value, weak=response.etag.is_weak)
    return response


def digest_of(body: bytes) -> str:
    """Names a body."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def has(request: web.Request, tag: str) -> bool:
    """Whether the client says that it has this."""
    return any(one.value in (tag, "*") for one in request.if_none_match or ())


def not_modified(tag: str, *, weak: bool = True) -> web.Response:
    """304 with the tag."""
    response = web.Response(status=web.HTTPNotModified.status_code)
    response.etag = ETag(tag, weak)
    response.headers["Cache-Control"] = REVALIDATE
    return response
