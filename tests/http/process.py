"""The HTTP process as a subprocess, and a small client of it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mapsys.http import SOCKET_NAME

START_SECONDS = 60.0


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HttpProcess:
    """A running ``python -m mapsys.http``."""

    def __init__(self, state: Path, process: subprocess.Popen[str], port: int) -> None:
        self.state = state
        self.process = process
        self.port = port

    def get(self, target: str, method: str = "GET", **headers: str) -> Reply:
        """One request over TCP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, headers=headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A bare TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextmanager
def http_process(state: Path, *options: str) -> Iterator[HttpProcess]:
    """Start the process on a free port; it is ended and has left no socket afterwards."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mapsys.http", "--state", str(state)),
            *("--listen", "127.0.0.1:0", *options),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    complaints: list[str] = []
    assert process.stderr is not None
    # What it writes is read, or it would stand still once the pipe is full.
    reading = threading.Thread(target=complaints.extend, args=(process.stderr,), daemon=True)
    try:
        line = process.stderr.readline()
        found = re.search(r"port (\d+)$", line)
        assert found, f"the HTTP process said {line!r}"
        reading.start()
        yield HttpProcess(state, process, int(found[1]))
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(START_SECONDS)
        if reading.ident is not None:
            reading.join(START_SECONDS)
        assert process.stderr is not None
        process.stderr.close()
    assert code == 0, complaints
    assert not (state / SOCKET_NAME).exists()
