"""Who sends a request, for the audit trail."""

from __future__ import annotations

import ssl

from aiohttp import web

from mapsys.http.doorkeeper import ANYONE, IDENTITY, UNIX_SOCKET
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.request_id import REQUEST_ID
from mapsys.http.unix_peer import peer_of
from mapsys.query_requester import Requester


def requester(request: web.Request) -> Requester:
    """Who it is, as far as anybody knows."""
    identity, request_id = request[IDENTITY], request[REQUEST_ID]
    if identity is UNIX_SOCKET and (peer := peer_of(request)) is not None:
        pid, uid = peer
        return Requester(f"uid {uid}", "unix", request_id, uid=uid, pid=pid)
    how = "token" if "Authorization" in request.headers else "certificate"
    if identity is ANYONE:
        how = "anyone"
    return Requester(identity.name, how, request_id, address=request.remote)


def refuse_in_clear(request: web.Request) -> None:
    """Raises ProblemError where others could listen to what is sent or answered."""
    transport = request.transport
    encrypted = transport is not None and isinstance(
        transport.get_extra_info("ssl_object"), ssl.SSLObject
    )
    if not encrypted and peer_of(request) is None:
        raise ProblemError(
            Problem.SECRET_IN_CLEAR,
            "secrets go over TLS or http.sock in the state folder only; see http.tls",
        )
