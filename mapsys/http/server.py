"""Listening for HTTP: a Unix socket in the state folder always, TCP where it is asked for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from mapsys.http import SOCKET_NAME
from mapsys.http.access import Access
from mapsys.http.application import LIMITS, application
from mapsys.http.limits import HEADER_SECONDS, ConnectionLimits
from mapsys.http.tls import tls_context
from mapsys.query import SOCKET_NAME as QUERY_SOCKET_NAME
from mapsys.query_client import QueryClient
from mapsys.unix_listener import unix_listener

KEEPALIVE_SECONDS: Final = 15.0
SHUTDOWN_SECONDS: Final = 2.0
BACKLOG: Final = 128


class HttpServer:
    """The listening HTTP server over one state folder."""

    def __init__(self, state: Path, access: Access) -> None:
        """access: what is asked of whoever comes over TCP."""
        self._state = state
        self._access = access
        self._client = QueryClient(state / QUERY_SOCKET_NAME)
        self._app = application(self._client, state, access)
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        self._servers: list[asyncio.Server] = []

    async def start(self, listen: Sequence[tuple[str, int]]) -> None:
        """Listen at the Unix socket and at each address.

        Raises OSError with a sentence that names the address or the file at fault.
        """
        context = tls_context(self._access)
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        limits = ConnectionLimits(server)
        self._app[LIMITS].append(limits)
        loop = asyncio.get_running_loop()
        path = self._state / SOCKET_NAME
        self._servers.append(
            await loop.create_unix_server(limits.connection, sock=unix_listener(path))
        )
        own = [(*address, context) for address in listen]
        if self._access.metrics is not None:
            own.append((*self._access.metrics, None))
        for host, port, tls in own:
            try:
                self._servers.append(
                    await loop.create_server(
                        limits.connection,
                        host,
                        port,
                        backlog=BACKLOG,
                        ssl=tls,
                        ssl_handshake_timeout=None if tls is None else HEADER_SECONDS,
                    )
                )
            except OSError as error:
                raise OSError(
                    error.errno, f"cannot listen at {host} port {port}: {error.strerror}"
                ) from error

    def addresses(self) -> list[tuple[str, int]]:
        """The TCP addresses that are listened at, with the ports that the system chose."""
        return [
            one.getsockname()[:2]
            for server in self._servers
            for one in server.sockets
            if one.family != socket.AF_UNIX
        ]

    async def close(self) -> None:
        """Stop listening, let requests under way end, close everything."""
        for server in self._servers:
            server.close()
        await self._runner.cleanup()
        await self._client.close()
        (self._state / SOCKET_NAME).unlink(missing_ok=True)
