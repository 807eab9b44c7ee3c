"""Requests to the HTTP process over its Unix socket, with bodies."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

from mapsys.http import SOCKET_NAME

ANSWER_SECONDS = 30


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def tag(self) -> str:
        return self.headers["ETag"]

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The last part of a problem's type."""
        return str(self.json()["type"]).rpartition("/")[2]


def ask(state: Path, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request. body: octets as they are, anything else as JSON."""
    connection = http.client.HTTPConnection("localhost", timeout=ANSWER_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(ANSWER_SECONDS)
    connection.sock.connect(str(state / SOCKET_NAME))
    return exchange(connection, method, path, body, **headers)


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    **headers: str,
) -> Answer:
    """The same over any connection, which is closed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named.setdefault("Content-Type", "application/json")
    octets = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
    try:
        connection.request(method, path, octets, named)
        answered = connection.getresponse()
        return Answer(answered.status, answered.headers, answered.read().decode())
    finally:
        connection.close()
