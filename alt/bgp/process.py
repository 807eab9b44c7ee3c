"""What the supervisor needs of a process, whoever started it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol


class StartFailedError(Exception):
    """A process cannot be started; the text says why."""


class SpeakerProcess(Protocol):
    """One running process."""

    @property
    def pid(self) -> int: ...
    @property
    def stderr(self) -> asyncio.StreamReader: ...

    async def wait(self) -> int:
        """Its exit status, negative for a signal. Asked once."""

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended."""


StartProcess = Callable[[Sequence[str], Mapping[str, str]], Awaitable[SpeakerProcess]]
"""Starts a command with an environment put over the present one. Raises StartFailedError."""
