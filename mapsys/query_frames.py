"""Frames of the local query socket: four octets of length, then MessagePack."""

from __future__ import annotations

import asyncio
from typing import Final

LENGTH_OCTETS: Final = 4
QUESTION_OCTETS_LIMIT: Final = 512 * 1024
"""The body of a request to the HTTP process fits in twice."""
ANSWER_OCTETS_LIMIT: Final = 4 * 1024 * 1024
"""A page stops growing at a quarter of this, and one row is at most one UDP payload."""

FRAME_SECONDS: Final = 5.0
"""From the first octet of a frame to its last; a peer that dribbles is cut off."""


class FrameError(Exception):
    """The peer sent what is no frame, or went away inside one; says which."""


async def read_frame(
    reader: asyncio.StreamReader, octets_limit: int, idle_seconds: float | None = None
) -> bytes | None:
    """The next frame's body, or None where the peer closed between frames.

    idle_seconds: how long to wait for the first octet; None waits for ever.
    Raises FrameError for a body over the limit, a cut or a slow frame, and
    TimeoutError when the peer stayed idle.
    """
    first = await asyncio.wait_for(reader.read(1), idle_seconds)
    if not first:
        return None
    try:
        async with asyncio.timeout(FRAME_SECONDS):
            head = first + await reader.readexactly(LENGTH_OCTETS - 1)
            length = int.from_bytes(head, "big")
            if length > octets_limit:
                raise FrameError(f"a frame of {length} octets is over the limit of {octets_limit}")
            return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise FrameError("the peer went away inside a frame") from error
    except TimeoutError as error:
        raise FrameError(f"a frame took longer than {FRAME_SECONDS:g} s") from error


async def write_frame(writer: asyncio.StreamWriter, body: bytes) -> None:
    """Send one frame. Raises FrameError where the peer does not take it in time."""
    writer.write(len(body).to_bytes(LENGTH_OCTETS, "big") + body)
    try:
        async with asyncio.timeout(FRAME_SECONDS):
            await writer.drain()
    except TimeoutError as error:
        raise FrameError(f"the peer took no answer for {FRAME_SECONDS:g} s") from error
