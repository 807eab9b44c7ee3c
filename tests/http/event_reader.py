"""A reader of server-sent events over the Unix socket, for tests."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mapsys.http import SOCKET_NAME


class Event(NamedTuple):
    """One event as it came."""

    id: str
    name: str
    data: dict[str, Any]


class EventReader:
    """One open stream."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    def next(self) -> Event:
        """The next event; comments are passed over."""
        fields: dict[str, str] = {}
        while line := self._response.readline():
            text = line.decode().rstrip("\n")
            if text and not text.startswith(":"):
                name, _, value = text.partition(": ")
                fields[name] = value
            elif not text and "event" in fields:
                return Event(fields["id"], fields["event"], json.loads(fields["data"]))
            elif not text:
                fields = {}
        raise AssertionError("the stream ended")


def unix_connection(state: Path) -> http.client.HTTPConnection:
    """HTTP over the Unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(30)
    connection.sock.connect(str(state / SOCKET_NAME))
    return connection


@contextmanager
def reading(
    state: Path, query: str = "", over: http.client.HTTPConnection | None = None, **headers: str
) -> Iterator[EventReader]:
    """Read the events; the stream is open once this returns.

    over: another way than the Unix socket.
    """
    connection = over or unix_connection(state)
    try:
        connection.request("GET", f"/api/v1/events{query}", headers=headers)
        yield EventReader(connection.getresponse())
    finally:
        connection.close()
