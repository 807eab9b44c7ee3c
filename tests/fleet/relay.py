"""A way between a member and its engine that can be slow, cut, led elsewhere, or tell lies."""

from __future__ import annotations

import asyncio
from pathlib import Path


class Relay:
    """Listens on a Unix socket while it is entered. upstream: None refuses everybody.

    pause_seconds: before each answer. lie: octets of answers, and what takes their place.
    """

    def __init__(self, path: Path, upstream: Path) -> None:
        self.path = path
        self.upstream: Path | None = upstream
        self.pause_seconds = 0.0
        self.lie = (b"", b"")
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.lead(None)

    def lead(self, upstream: Path | None) -> None:
        """From now on there; whoever is connected loses that."""
        self.upstream = upstream
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.upstream is None:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_unix_connection(self.upstream)
        self._open |= {writer, there_writer}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._asked(reader, there_writer))
                both.create_task(self._answered(there_reader, writer))
        except* OSError:
            pass  # the end of either is the end of both
        finally:
            writer.transport.abort()
            there_writer.transport.abort()
            self._open -= {writer, there_writer}

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(65_536):
            writer.write(octets)
            await writer.drain()
        raise ConnectionResetError

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(65_536):
            await asyncio.sleep(self.pause_seconds)
            writer.write(octets.replace(*self.lie) if self.lie[0] else octets)
            await writer.drain()
        raise ConnectionResetError
