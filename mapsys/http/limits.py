"""Bounds on HTTP connections that the HTTP library does not set: how many, and how slow.

A connection that dribbles its headers is closed by a deadline, so a slow or
stuck peer costs one bounded slot and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

HEADER_SECONDS: Final = 5.0
"""From a connection's start, or a later request's first octet, to the end of its headers."""

STALL_SECONDS: Final = 30.0
"""How long a peer may leave an answer unread once its buffers are full."""

BODY_OCTETS_LIMIT: Final = 256 * 1024
CONNECTIONS_LIMIT: Final = 1_000
CONNECTIONS_PER_SOURCE_LIMIT: Final = 50

REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
    b"too many connections\n"
)


class ConnectionLimits:
    """Counts connections in all and by source, and makes their protocols.

    inner: makes the HTTP library's protocol for a new connection.
    """

    def __init__(self, inner: Callable[[], asyncio.Protocol]) -> None:
        self._inner = inner
        self._by_source: Counter[str] = Counter()
        self._open: dict[asyncio.Protocol, LimitedConnection] = {}

    def connection(self) -> LimitedConnection:
        """A protocol for one accepted connection."""
        return LimitedConnection(self, self._inner())

    def headers_complete(self, inner: asyncio.Protocol | None) -> None:
        """The HTTP library began to handle a request on this connection."""
        if inner is not None and (connection := self._open.get(inner)) is not None:
            connection.stop_deadline()

    def response_sent(self, inner: asyncio.Protocol | None) -> None:
        """The request is done: the next octet begins another one."""
        if inner is not None and (connection := self._open.get(inner)) is not None:
            connection.await_request()

    def admit(self, inner: asyncio.Protocol, connection: LimitedConnection, source: str) -> bool:
        """Whether one more connection is let in; the Unix socket's source is empty."""
        if len(self._open) >= CONNECTIONS_LIMIT:
            return False
        if source and self._by_source[source] >= CONNECTIONS_PER_SOURCE_LIMIT:
            return False
        self._open[inner] = connection
        self._by_source[source] += 1
        return True

    def leave(self, inner: asyncio.Protocol, source: str) -> None:
        """A connection that was let in is gone."""
        del self._open[inner]
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]


class LimitedConnection(asyncio.Protocol):
    """Stands between a transport and the HTTP library's protocol."""

    def __init__(self, limits: ConnectionLimits, inner: asyncio.Protocol) -> None:
        self._limits = limits
        self._inner = inner
        self._source = ""
        self._admitted = False
        self._in_request = False
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._source = peer[0] if isinstance(peer, tuple) else ""
        self._admitted = self._limits.admit(self._inner, self, self._source)
        if not self._admitted:
            transport.write(REFUSAL)
            transport.close()
            return
        self._start_deadline()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._admitted:
            if not self._in_request and self._deadline is None:
                self._start_deadline()
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._admitted else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self._cancel_stalled()
        if self._admitted:
            self._limits.leave(self._inner, self._source)
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._stalled = asyncio.get_running_loop().call_later(STALL_SECONDS, self._too_slow)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._cancel_stalled()
        self._inner.resume_writing()

    def stop_deadline(self) -> None:
        """Headers are complete."""
        self._in_request = True
        self._cancel_deadline()

    def await_request(self) -> None:
        """The response is sent."""
        self._in_request = False

    def _start_deadline(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HEADER_SECONDS, self._too_slow)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _too_slow(self) -> None:
        if self._transport is not None:
            self._transport.abort()
