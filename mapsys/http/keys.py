"""``/api/v1/sites/{name}/keys``: a site's keys, and letting an xTR start again with any nonce."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.requester import requester
from mapsys.http.unix_peer import unix_peer
from mapsys.http.views import ALGORITHM_NAMES, timestamp
from mapsys.query_client import QueryDeclined
from mapsys.query_keys_rows import ForgetNonce, KeyRow, KeysPage, KeysQuestion, NonceForgotten

XTR_ID_OCTETS: Final = 16

_DECLINED: Final = {
    "unknown-site": Problem.UNKNOWN_SITE,
    "unknown-key": Problem.UNKNOWN_KEY,
    "failed": Problem.NOT_DONE,
}


class KeyUseView(msgspec.Struct, frozen=True):
    """Accepted Map-Registers since the start. secret: "current" or "next"."""

    secret: str
    times: int
    last_used_at: str


class KeyView(msgspec.Struct, frozen=True):
    """One key-id of a site; secrets are never shown."""

    key_id: int
    algorithms: list[str]
    holder: str | None
    not_before: str | None
    not_after: str | None
    valid_now: bool
    has_next_secret: bool
    uses: list[KeyUseView]


class KeysView(msgspec.Struct, frozen=True):
    """``/api/v1/sites/{name}/keys``; ``next`` is always null."""

    items: list[KeyView]
    next: str | None = None


class ForgetNonceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted. xtr_id: 32 hexadecimal digits, or left out."""

    xtr_id: str | None = None


class ForgottenView(msgspec.Struct, frozen=True):
    """The nonce that was remembered, and is no more."""

    nonce: int


async def keys(request: web.Request) -> web.Response:
    """The keys of a site."""
    question = KeysQuestion(request.match_info["name"])
    try:
        page = await request.app[QUERY_CLIENT].ask(question, KeysPage)
    except QueryDeclined as declined:
        raise _problem(declined) from declined
    return json_response(KeysView([_key_view(row) for row in page.rows]))


async def forget_nonce(request: web.Request) -> web.Response:
    """Forget the nonce of an xTR; over the Unix socket only, whose mode says who may."""
    unix_peer(request, "mapsys key")
    order = ForgetNonce(
        site=request.match_info["name"],
        key_id=key_id_of(request.match_info["key_id"]),
        xtr_id=_xtr_id(await request.read()),
        by=requester(request),
    )
    try:
        done = await request.app[QUERY_CLIENT].ask(order, NonceForgotten)
    except QueryDeclined as declined:
        raise _problem(declined) from declined
    if done.nonce is None:
        raise ProblemError(Problem.NO_NONCE, "no nonce is remembered there; any is accepted")
    return json_response(ForgottenView(done.nonce))


def _problem(declined: QueryDeclined) -> Exception:
    problem = _DECLINED.get(declined.reason)
    return declined if problem is None else ProblemError(problem, str(declined))


def key_id_of(text: str) -> int:
    """A key-id in a path. Raises ProblemError."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255:
        return int(text)
    raise ProblemError(Problem.INVALID_PARAMETER, f"key-id {text!r}; allowed: 0 to 255")


def _xtr_id(body: bytes) -> bytes | None:
    try:
        text = msgspec.json.decode(body or b"{}", type=ForgetNonceBody).xtr_id
        xtr_id = None if text is None else bytes.fromhex(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise ProblemError(Problem.INVALID_REQUEST, f"the body: {error}") from error
    if xtr_id is not None and len(xtr_id) != XTR_ID_OCTETS:
        raise ProblemError(Problem.INVALID_REQUEST, "xtr_id: 32 hexadecimal digits")
    return xtr_id


def _key_view(row: KeyRow) -> KeyView:
    return KeyView(
        key_id=row.key_id,
        algorithms=[ALGORITHM_NAMES[algorithm_id] for algorithm_id in row.algorithm_ids],
        holder=row.holder,
        not_before=None if row.not_before is None else timestamp(row.not_before),
        not_after=None if row.not_after is None else timestamp(row.not_after),
        valid_now=row.valid_now,
        has_next_secret=row.has_next_secret,
        uses=[KeyUseView(use.secret, use.times, timestamp(use.last_used_at)) for use in row.uses],
    )
