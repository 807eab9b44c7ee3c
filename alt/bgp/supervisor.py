"""Keeps one ExaBGP process running: starts it, hears that it ended, starts it again.

The relay that ExaBGP runs connects to the Unix socket served here; a session is
one ExaBGP process together with that connection.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alt.bgp.process import SpeakerProcess, StartFailedError, StartProcess

LAST_WORDS_LINES = 5
"""Lines of what the process said that stand in the reason for its end."""

LINE_LIMIT_OCTETS = 16 * 1024 * 1024
"""An UPDATE of 64 KiB becomes a line of about 1 MiB; a longer line than this is none."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. connect: from the start to the relay's connection. terminate: from
    SIGTERM to SIGKILL, since ExaBGP can take long to leave unreachable peers.
    back_off: before the first restart; it doubles up to back_off_limit and starts
    over after a session of back_off_reset. answer: without any answer while commands
    wait. ping: how long ExaBGP may be left without a command. reload_poll,
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

    start: starts a process. on_ready: a session began. on_line: one line without its end.
    on_lost: the session ended, with the reason; called once per session.
    """

    def __init__(
        self,
        socket_path: Path,
        *,
        start: StartProcess,
        timing: Timing,
        on_ready: Callable[[], None],
        on_line: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._socket_path = socket_path
        self._start = start
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
        """Kill the process, which no longer does what it should; another one follows."""
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
        try:
            process = await self._start(command, environment)
        except StartFailedError as error:
            self._on_lost(str(error))
            return
        self.pid = process.pid
        exited = asyncio.create_task(process.wait())
        reading = asyncio.create_task(self._read(self._arrived))
        ending = asyncio.create_task(self._ending.wait())
        said: deque[str] = deque(maxlen=LAST_WORDS_LINES)
        listening = asyncio.create_task(_listen(process, said))
        try:
            await asyncio.wait((exited, reading, ending), return_when=asyncio.FIRST_COMPLETED)
            if not self._ending.is_set():
                # The end of one brings the other's: last lines, and the exit code.
                await asyncio.wait((exited, reading), timeout=1.0)
            why = self._why or await _outcome(exited, reading, said)
        finally:
            for task in (reading, ending):
                task.cancel()
            await self._end(process, exited, politely=not self._ending.is_set())
            await asyncio.wait((listening,), timeout=1.0)
            listening.cancel()
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

    async def _end(
        self, process: SpeakerProcess, exited: asyncio.Task[int], *, politely: bool
    ) -> None:
        if politely and not exited.done():
            process.send_signal(signal.SIGTERM)
            await asyncio.wait((exited,), timeout=self._timing.terminate)
        if not exited.done():
            process.send_signal(signal.SIGKILL)
        await exited


async def _listen(process: SpeakerProcess, said: deque[str]) -> None:
    """Keep what the process says to people; a line with a secret in it is left out."""
    rest = b""
    while chunk := await process.stderr.read(4_096):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-4_096:]
        for line in lines:
            text = " ".join(line.decode("utf-8", "replace").split())
            if text and "password" not in text:
                said.append(text[:200])


async def _outcome(exited: asyncio.Task[int], reading: asyncio.Task[str], said: deque[str]) -> str:
    if reading.done() and reading.result() != "its relay ended":
        return reading.result()
    if not exited.done():
        return "its relay ended"
    code = exited.result()
    if code < 0:
        return f"it was ended by signal {-code}"
    words = "; ".join(said)
    return f"it exited with {code}" + (f", saying: {words}" if words else "")
