"""How the daemon ends: at once, or after it has served on for a while as a lame duck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress


class Ending:
    """Waits to be told to end. Made inside the loop it runs on."""

    def __init__(self, configured_seconds: Callable[[], int]) -> None:
        """configured_seconds: how long to serve on where nobody says."""
        self._configured_seconds = configured_seconds
        self._asked = asyncio.Event()
        self._now = asyncio.Event()
        self._seconds = 0

    def ask(self, seconds: int | None = None) -> int:
        """End after so many seconds; whoever asks a second time ends it at once.

        Returns the seconds.
        """
        if self._asked.is_set():
            self.now()
            return 0
        self._seconds = self._configured_seconds() if seconds is None else seconds
        self._asked.set()
        return self._seconds

    def now(self) -> None:
        """End at once."""
        self._asked.set()
        self._now.set()

    async def asked(self) -> float:
        """Wait until told to end; the Unix time until which to serve on."""
        await self._asked.wait()
        return time.time() + (0 if self._now.is_set() else self._seconds)

    async def over(self) -> None:
        """Serve on until the time is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._now.wait(), self._seconds)
