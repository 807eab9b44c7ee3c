"""The asking end of the local query socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from mapsys.query_frames import ANSWER_OCTETS_LIMIT, FrameError, read_frame, write_frame
from mapsys.query_rows import STARTING, Answer, Declined, Question

ANSWER_SECONDS: Final = 10.0
CONNECTIONS_LIMIT: Final = 8
"""Questions under way at once; more wait for their turn."""

AnswerType = TypeVar("AnswerType")

_DECODER: Final = msgspec.msgpack.Decoder(Answer)
_ENCODER: Final = msgspec.msgpack.Encoder()


class DaemonAway(Exception):
    """Nobody answers at the query socket, or nobody yet; the text says which."""


class QueryDeclined(Exception):
    """The daemon said no: ``reason`` is one of those of ``query_rows.Declined``."""

    def __init__(self, declined: Declined) -> None:
        super().__init__(declined.detail)
        self.reason = declined.reason
        self.faults = declined.faults


class QueryClient:
    """Asks the daemon; keeps idle connections for the next question."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._turns = asyncio.Semaphore(CONNECTIONS_LIMIT)

    async def ask(
        self,
        question: Question,
        expected: type[AnswerType],
        patience_seconds: float = ANSWER_SECONDS,
    ) -> AnswerType:
        """One question, one answer of the expected type.

        Raises DaemonAway where there is no daemon or it answers too late or with
        nonsense, and QueryDeclined.
        """
        body = _ENCODER.encode(question)
        async with self._turns:
            try:
                reply = await asyncio.wait_for(self._exchange(body), patience_seconds)
            except (OSError, FrameError, TimeoutError, msgspec.DecodeError) as error:
                said = str(error) or type(error).__name__
                raise DaemonAway(
                    f"the daemon does not answer at {self._path}: {said}; start it with"
                    " 'mapsys run'"
                ) from error
        if isinstance(reply, Declined):
            if reply.reason == STARTING:
                raise DaemonAway(reply.detail)
            raise QueryDeclined(reply)
        if not isinstance(reply, expected):
            raise DaemonAway(f"the daemon at {self._path} answered another question")
        return reply

    async def _exchange(self, body: bytes) -> Answer:
        while self._idle:
            # An idle connection may have died with the daemon; then a new one decides.
            connection = self._idle.pop()
            try:
                return await self._over(connection, body)
            except (ConnectionError, FrameError):
                continue
        return await self._over(await asyncio.open_unix_connection(str(self._path)), body)

    async def _over(
        self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], body: bytes
    ) -> Answer:
        reader, writer = connection
        try:
            await write_frame(writer, body)
            frame = await read_frame(reader, ANSWER_OCTETS_LIMIT)
            if frame is None:
                raise FrameError("it closed the connection")
            reply: Answer = _DECODER.decode(frame)
        except BaseException:
            writer.close()  # half an exchange: nothing after it could be trusted
            raise
        self._idle.append(connection)
        return reply

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()
