"""Sites of the database: created, replaced, amended, deleted; their keys rotated."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from aiohttp import ETag, web

from mapsys.http.api import QUERY_CLIENT
from mapsys.http.body import body_of
from mapsys.http.formats import JSON
from mapsys.http.keys import key_id_of
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.requester import refuse_in_clear, requester
from mapsys.query_client import QueryDeclined
from mapsys.query_sites_rows import KeyOrder, KeyOrderKind, SiteOrder, SiteWritten

MERGE_PATCH: Final = "application/merge-patch+json"
"""RFC 7396."""

_ONCE: Final = re.compile(r"[\x21-\x7e]{1,255}")

PROBLEMS: Final = {
    "unknown-site": Problem.UNKNOWN_SITE,
    "unknown-key": Problem.UNKNOWN_KEY,
    "site-exists": Problem.SITE_EXISTS,
    "prefix-taken": Problem.PREFIX_TAKEN,
    "misplaced": Problem.MISPLACED,
    "of-a-file": Problem.OF_A_FILE,
    "stale": Problem.STALE,
    "key-reused": Problem.KEY_REUSED,
    "no-map-server": Problem.NO_MAP_SERVER,
    "under-way": Problem.ROTATION_UNDER_WAY,
    "no-rotation": Problem.NO_ROTATION,
    "invalid-site": Problem.INVALID_SITE,
    "failed": Problem.NOT_DONE,
}
"""By the reason that the daemon gives."""


class WrittenView(msgspec.Struct, frozen=True):
    """A site as it is in the database now. configuration: with ``***`` for each secret."""

    name: str
    origin: str
    revision: str
    configuration: dict[str, Any]


class RotateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """secret: the next one; without it one is generated and told in the answer, once.

    valid_from: moment from which it is accepted. valid_until: moment from which the
    one before it is not. Both as 2027-01-31T18:00:00Z.
    """

    secret: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None


class RotatedView(msgspec.Struct, frozen=True):
    """secret: the one that was generated, shown here and never again."""

    name: str
    key_id: int
    revision: str
    secret: str | None


async def create_site(request: web.Request) -> web.Response:
    """Add a site to the database."""
    refuse_in_clear(request)
    once = request.headers.get("Idempotency-Key")
    if once is not None and not _ONCE.fullmatch(once):
        raise ProblemError(
            Problem.INVALID_PARAMETER, "Idempotency-Key: 1 to 255 printable ASCII characters"
        )
    document = await _document(request, JSON)
    written = await ordered(
        request, SiteOrder("create", requester(request), document=document, once=once)
    )
    response = _written(written, web.HTTPCreated.status_code)
    response.headers["Location"] = f"/api/v1/sites/{written.name}"
    return response


async def replace_site(request: web.Request) -> web.Response:
    """Put another site in a site's place."""
    refuse_in_clear(request)
    return _written(await _changed(request, "replace", await _document(request, JSON)))


async def amend_site(request: web.Request) -> web.Response:
    """Change some settings of a site (merge patch)."""
    refuse_in_clear(request)
    document = await _document(request, MERGE_PATCH, JSON)
    return _written(await _changed(request, "amend", document))


async def delete_site(request: web.Request) -> web.Response:
    """Take a site out of the database."""
    await _changed(request, "delete", b"")
    return web.Response(status=web.HTTPNoContent.status_code)


async def rotate_key(request: web.Request) -> web.Response:
    """Put a next secret beside the one in use."""
    body = RotateBody()
    if request.can_read_body:
        body = await body_of(request, RotateBody)
    return await _key_ordered(request, "rotate", body)


async def finish_rotation(request: web.Request) -> web.Response:
    """The next secret takes over."""
    return await _key_ordered(request, "finish", RotateBody())


async def abort_rotation(request: web.Request) -> web.Response:
    """The next secret is dropped."""
    return await _key_ordered(request, "abort", RotateBody())


async def ordered(request: web.Request, order: SiteOrder | KeyOrder) -> SiteWritten:
    """Have the daemon carry an order out. Raises ProblemError."""
    try:
        return await request.app[QUERY_CLIENT].ask(order, SiteWritten)
    except QueryDeclined as declined:
        if (problem := PROBLEMS.get(declined.reason)) is None:
            raise
        raise ProblemError(problem, str(declined), declined.faults) from declined


async def _changed(request: web.Request, kind: Any, document: bytes) -> SiteWritten:
    order = SiteOrder(
        kind,
        requester(request),
        name=request.match_info["name"],
        document=document,
        if_match=_if_match(request),
    )
    return await ordered(request, order)


async def _key_ordered(request: web.Request, kind: KeyOrderKind, body: RotateBody) -> web.Response:
    refuse_in_clear(request)
    key_id = key_id_of(request.match_info["key_id"])
    order = KeyOrder(
        kind,
        requester(request),
        request.match_info["name"],
        key_id,
        secret=body.secret,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
    )
    written = await ordered(request, order)
    view = RotatedView(written.name, key_id, written.revision, written.secret)
    return web.Response(body=msgspec.json.encode(view), content_type=JSON)


async def _document(request: web.Request, *media: str) -> bytes:
    if request.content_type not in media:
        raise ProblemError(
            Problem.UNSUPPORTED_MEDIA,
            f"send the body as {media[0]}; this is {request.content_type}",
        )
    return await request.read()


def _if_match(request: web.Request) -> list[str]:
    """The revisions that ``If-Match`` names: a tag is one, with what was read behind a dash."""
    tags = request.if_match
    if not tags:
        raise ProblemError(
            Problem.PRECONDITION_REQUIRED,
            "say what you change: read the site, and send its ETag as If-Match",
        )
    return [tag.value.partition("-")[0] for tag in tags]


def _written(written: SiteWritten, status: int = 200) -> web.Response:
    view = WrittenView(
        written.name, "database", written.revision, msgspec.json.decode(written.document)
    )
    response = web.Response(body=msgspec.json.encode(view), status=status, content_type=JSON)
    response.etag = ETag(written.revision)
    return response
