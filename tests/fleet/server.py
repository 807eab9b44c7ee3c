"""A redis-server of a test's own: on a Unix socket or loopback, in its folder, ended by its pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.programs import require_program

PATIENCE_SECONDS = 30.0


class RedisServer:
    """Started by ``start``; may be killed, paused and started again."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        """port: 0 listens on the Unix socket alone."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.socket = folder / "e.sock"
        self.port = port
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, *options: str, settings: Path | None = None) -> None:
        """options: beside those it was made with, this time. settings: of a Sentinel."""
        assert self.process is None
        program = require_program("redis-server", "redis-server")
        self.socket.unlink(missing_ok=True)
        log = self.folder / "log"
        self.process = subprocess.Popen(
            [
                *(program, *([str(settings), "--sentinel"] if settings else [])),
                *("--port", str(self.port), "--unixsocket", str(self.socket)),
                *("--bind", "127.0.0.1", "--dir", str(self.folder)),
                *("--logfile", str(log), "--daemonize", "no"),
                *(() if settings else ("--save", "", "--appendonly", "no")),
                *self.options,
                *options,
            ],
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith((b"+PONG", b"-NOAUTH", b"-MASTERDOWN"))
        except OSError:
            return False

    def command(self, *words: str) -> bytes:
        """One command over a connection of its own; the first octets of the answer, as sent."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(str(self.socket))
            parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
            connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return connection.recv(65_536)

    def kill(self) -> None:
        """As a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None:
            self._end(signal.SIGKILL)

    def pause(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(PATIENCE_SECONDS)
        self.process = None
