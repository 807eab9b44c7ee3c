"""Keeps one ExaBGP process running: starts it, hears that it ended, starts it again.

The relay that ExaBGP runs connects to the Unix socket served here; a session is
one ExaBGP process together with that connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alt.bgp import launch

LINE_LIMIT_OCTETS = 16 * 1024 * 1024
"""An UPDATE of 64 KiB becomes a line of about 1 MiB; a longer line than this is none."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. connect: from the start to the relay's connection. terminate: from
    SIGTERM to SIGKILL, since ExaBGP can take long to leave unreachable peers.
    back_off: before the first restart; it doubles up to back_off_limit and starts
    over after a session of back_off_reset. answer: within which a command has to be
    answered. ping: how long ExaBGP may be left without a command. reload_poll,
    reload_polls, reload_tries: how a reload is verified.
    """

    connect: float = 20.0
    terminate: float = 5.0
    back_off: float = 0.5
    back_off_limit: float = 30.0
    back_off_reset: float = 60.0
    answer: float = 15.0
    ping: float = 5.0
    reload_poll: float = 0.5
    reload_polls: int = 10
    reload_tries: int = 3


class Supervisor:
    """Runs a command with its relay's connection, again and again, until stopped.

    namespace: path of the network namespace; empty for this one.
    on_ready: a session began. on_line: one line without its end.
    on_lost: the session ended, with the reason; called once per session.
    """

    def __init__(
        self,
        socket_path: Path,
        *,
        namespace: str,
        timing: Timing,
        on_ready: Callable[[], None],
        on_line: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._socket_path = socket_path
        self._namespace = namespace
        self._timing = timing
        self._on_ready = on_ready
        self._on_line = on_line
        self._on_lost = on_lost
        self._writer: asyncio.StreamWriter | None = None
        self._arrived: asyncio.Future[asyncio.StreamReader] | None = None
        self._ending: asyncio.Event = asyncio.Event()
        self._why = ""
        self.starts = 0
        """How often the process was started."""
        self.pid: int | None = None

    def write(self, line: str) -> None:
        """Send one line; without a session it goes nowhere, as its answer would."""
        if self._writer is not None:
            self._writer.write(line.encode("ascii") + b"\n")

    def restart(self, why: str) -> None:
        """End the present session; the next one begins after the back-off."""
        self._why = why
        self._ending.set()

    async def run(self, command: list[str], environment: dict[str, str]) -> None:
        """Supervise until cancelled; then the process is ended and the socket removed."""
        self._socket_path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(
            self._connected, self._socket_path, limit=LINE_LIMIT_OCTETS
        )
        os.chmod(self._socket_path, 0o600)
        loop = asyncio.get_running_loop()
        pause = self._timing.back_off
        try:
            while True:
                began = loop.time()
                await self._session(command, environment)
                if loop.time() - began >= self._timing.back_off_reset:
                    pause = self._timing.back_off
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._timing.back_off_limit)
        finally:
            server.close()
            self._socket_path.unlink(missing_ok=True)

    async def _session(self, command: list[str], environment: dict[str, str]) -> None:
        self._ending.clear()
        self._why = ""
        self._arrived = asyncio.get_running_loop().create_future()
        self.starts += 1
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            launch.__file__,
            str(os.getpid()),
            self._namespace,
            *command,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = process.pid
        exited = asyncio.create_task(process.wait())
        reading = asyncio.create_task(self._read(self._arrived))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((exited, reading, ending), return_when=asyncio.FIRST_COMPLETED)
            if exited.done() and not reading.done():
                # What it said last is still in the connection.
                await asyncio.wait((reading,), timeout=1.0)
            why = self._why or await _outcome(exited, reading)
        finally:
            for task in (reading, ending):
                task.cancel()
            await self._end(process, exited)
            self._close()
            self.pid = None
        self._on_lost(why)

    async def _read(self, arrived: asyncio.Future[asyncio.StreamReader]) -> str:
        """Read lines until the connection ends; returns why it did."""
        try:
            reader = await asyncio.wait_for(asyncio.shield(arrived), self._timing.connect)
        except TimeoutError:
            return f"its relay did not connect within {self._timing.connect:.0f} s"
        self._on_ready()
        try:
            while line := await reader.readline():
                self._on_line(line.rstrip(b"\r\n"))
        except (ValueError, ConnectionError) as error:
            return f"its relay's connection broke: {error}"
        return "its relay ended"

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._arrived is None or self._arrived.done():
            writer.close()
            return
        self._writer = writer
        self._arrived.set_result(reader)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._arrived = None

    async def _end(self, process: asyncio.subprocess.Process, exited: asyncio.Task[int]) -> None:
        """End the process, politely first."""
        if not exited.done():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait((exited,), timeout=self._timing.terminate)
        if not exited.done():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await exited


async def _outcome(exited: asyncio.Task[int], reading: asyncio.Task[str]) -> str:
    if reading.done() and reading.result() != "its relay ended":
        return reading.result()
    if exited.done():
        code = exited.result()
        return f"it was ended by signal {-code}" if code < 0 else f"it exited with {code}"
    return "its relay ended"
