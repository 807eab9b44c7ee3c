"""A child process that is kept running: started again when it ends, slower each time."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from mapsys.net.log import Event, Logger

BACK_OFF_SECONDS: Final = 0.5
BACK_OFF_LIMIT_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A child that ran this long starts again at once."""

STOP_SECONDS: Final = 5.0
"""From SIGTERM to SIGKILL."""

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


class Child:
    """One supervised process. It inherits standard error, and reads nothing.

    It gets a session of its own: an interrupt typed at a terminal is for the
    daemon, which then ends its children in order.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Logger,
        *,
        back_off_seconds: float = BACK_OFF_SECONDS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._first_back_off = back_off_seconds
        self._stop_seconds = stop_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Keep it running from now on."""
        self._task = asyncio.create_task(self._keep_running(), name=f"child {self.name}")

    async def stop(self) -> None:
        """Stop keeping it, and end the process: SIGTERM, then SIGKILL."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _keep_running(self) -> None:
        back_off = self._first_back_off
        while True:
            started = time.monotonic()
            outcome = await self._run_once()
            if time.monotonic() - started >= STEADY_SECONDS:
                back_off = self._first_back_off
            self._log.warning(
                Event.CHILD_ENDED, child=self.name, outcome=outcome, again_in_seconds=back_off
            )
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, BACK_OFF_LIMIT_SECONDS)

    async def _run_once(self) -> str:
        """Run it to its end; says how it ended."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=partial(_end_with_parent, os.getpid()),
            )
        except OSError as error:
            return f"cannot be started: {error}"
        self._process = process
        self._log.info(Event.CHILD_STARTED, child=self.name, pid=process.pid)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await self._end(process)
            raise
        finally:
            self._process = None
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        for end in (process.terminate, process.kill):
            with suppress(ProcessLookupError):
                end()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._stop_seconds)
                return


def _end_with_parent(parent: int) -> None:
    """Between fork and exec: have the kernel end this process when the daemon dies.

    Children ask for that themselves too, but only once they have started up; a
    daemon killed before then would leave them behind.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
