"""Who is at the other end of the Unix socket; orders are taken there alone."""

from __future__ import annotations

import socket
import struct
from typing import Final

from aiohttp import web

from mapsys.http.problem import Problem, ProblemError

_PEER: Final = struct.Struct("iII")
"""Process, user and group id, as the system gives them for the other end of a Unix socket."""


def unix_peer(request: web.Request, command: str) -> tuple[int, int]:
    """Process and user id. Raises ProblemError where the request came by TCP.

    command: what uses the Unix socket by itself.
    """
    peer = peer_of(request)
    if peer is None:
        raise ProblemError(
            Problem.NOT_OVER_TCP, f"use http.sock in the state folder: '{command}' does"
        )
    return peer


def peer_of(request: web.Request) -> tuple[int, int] | None:
    """Process and user id at the other end of the Unix socket; None over TCP."""
    connection = None if request.transport is None else request.transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    octets = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, _gid = _PEER.unpack(octets)
    return pid, uid
