"""The status socket of a tunnel router: one JSON line in, one out; both ends."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

LINE_LIMIT: Final = 4_096
ANSWER_SECONDS: Final = 10.0

Answer = Callable[[dict[str, Any]], dict[str, Any]]
"""Carries out an order, as in {"order": "status"}, and says what became of it."""


async def serve_orders(path: Path, answer: Answer) -> asyncio.Server:
    """Listen; whoever may open the socket's file may give orders. Raises OSError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            order = json.loads(await reader.readline())
            said = answer(order) if isinstance(order, dict) else {"error": "no JSON object"}
        except ValueError as error:
            said = {"error": str(error)}
        writer.write(json.dumps(said).encode() + b"\n")
        writer.close()

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, path, limit=LINE_LIMIT)
    path.chmod(0o600)
    return server


def ordered(path: Path, order: dict[str, Any]) -> dict[str, Any]:
    """What a running router answers to an order.

    Raises OSError where nobody listens, ValueError where the answer is none.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(ANSWER_SECONDS)
        asked.connect(str(path))
        asked.sendall(json.dumps(order).encode() + b"\n")
        with asked.makefile("rb") as lines:
            said = json.loads(lines.readline())
    if not isinstance(said, dict):
        raise ValueError("the answer is no JSON object")
    return said
