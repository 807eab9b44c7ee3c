"""The daemon's end of the local query socket: reads questions, answers in pages.

``query_client`` is the other end; ``query_pages`` makes the answers and says
what a daemon has to offer (``QuerySource``).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from mapsys.query_frames import (
    ANSWER_OCTETS_LIMIT,
    QUESTION_OCTETS_LIMIT,
    FrameError,
    read_frame,
    write_frame,
)
from mapsys.query_pages import QuerySource, answer
from mapsys.query_rows import STARTING, Answer, Declined, Question
from mapsys.unix_listener import unix_listener

__all__ = ["SOCKET_NAME", "QueryServer", "QuerySource", "serve"]

SOCKET_NAME: Final = "query.sock"
"""In the state folder; mode 0600."""

CONNECTIONS_LIMIT: Final = 32
"""The HTTP process keeps a few; anyone else is the same user trying things."""

_DECODER: Final = msgspec.msgpack.Decoder(Question)
_ENCODER: Final = msgspec.msgpack.Encoder()


class QueryServer:
    """A listening query socket. Made by :func:`serve`.

    source: who is asked; None while there is nobody yet, and every question is declined.
    """

    def __init__(self, source: QuerySource | None) -> None:
        self.source = source
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, path: Path) -> None:
        """Listen at a path that only this user may open; a stale socket is replaced.

        Raises OSError, with a sentence where the path is too long for a socket.
        """
        listener = unix_listener(path)
        self._path = path
        self._server = await asyncio.start_unix_server(self._connected, sock=listener)

    async def close(self) -> None:
        """Stop listening, remove the socket and end every connection."""
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= CONNECTIONS_LIMIT:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except asyncio.CancelledError:
            pass  # only close() cancels, and it has what it wanted
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A peer that breaks the framing cannot be answered: it is cut off.
        with suppress(FrameError, ConnectionError):
            while (body := await read_frame(reader, QUESTION_OCTETS_LIMIT)) is not None:
                await write_frame(writer, await answered(body, self.source))


async def answered(body: bytes, source: QuerySource | None) -> bytes:
    """The body of the frame that answers one, whatever its octets; nothing is raised."""
    reply = _ENCODER.encode(await _answer(body, source))
    if len(reply) <= ANSWER_OCTETS_LIMIT:
        return reply
    return _ENCODER.encode(
        Declined("failed", f"the answer of {len(reply)} octets is over the limit; ask for less")
    )


async def _answer(body: bytes, source: QuerySource | None) -> Answer:
    if source is None:
        return Declined(STARTING, "the daemon is starting: its state is not loaded yet")
    try:
        return await answer(_DECODER.decode(body), source)
    except (msgspec.DecodeError, ValueError) as error:
        return Declined("malformed-question", str(error))


async def serve(path: Path, source: QuerySource | None) -> QueryServer:
    """Answer questions at a Unix socket until the server is closed. Raises OSError."""
    server = QueryServer(source)
    await server.start(path)
    return server
