"""The helper that ExaBGP runs: its pipes on one side, the node's Unix socket on the other.

ExaBGP writes to its helper with blocking writes and stands still, hold timers
included, while nobody reads. So this reads at once, whatever the node does, and
keeps what the node has not taken yet. Run as a script; it parses nothing and
imports nothing of the project.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
import threading
from collections import deque

BUFFER_LIMIT_OCTETS = 512 * 1024 * 1024
"""Past this the node is beyond help; ending the relay ends ExaBGP, and both start anew."""

CHUNK_OCTETS = 65_536

PR_SET_DUMPABLE = 4
"""As in ``mapsys.net.process_guard``, which a script that imports nothing cannot use."""


class Backlog:
    """Octets between a reader that never waits and a writer that does."""

    def __init__(self, limit_octets: int) -> None:
        self._chunks: deque[bytes] = deque()
        self._octets = 0
        self._limit_octets = limit_octets
        self._ended = False
        self._changed = threading.Condition()

    def put(self, chunk: bytes) -> bool:
        """Keep a chunk; False where it no longer fits."""
        with self._changed:
            self._octets += len(chunk)
            self._chunks.append(chunk)
            self._changed.notify()
            return self._octets <= self._limit_octets

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self) -> bytes | None:
        """The oldest chunk, waiting for one; None at the end."""
        with self._changed:
            while not self._chunks and not self._ended:
                self._changed.wait()
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._octets -= len(chunk)
            return chunk


def read_events(backlog: Backlog) -> None:
    """From ExaBGP's pipe into the backlog, until either ends."""
    while chunk := os.read(0, CHUNK_OCTETS):
        if not backlog.put(chunk):
            sys.stderr.write("relay: the node does not read; giving up\n")
            os._exit(1)
    backlog.end()


def carry_commands(node: socket.socket) -> None:
    """From the node to ExaBGP; without a node there is nothing left to do."""
    while chunk := node.recv(CHUNK_OCTETS):
        while chunk:
            chunk = chunk[os.write(1, chunk) :]
    os._exit(0)


def keep_private() -> None:
    """No core dump, and no look into this process by others, for the rest of its life."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def main(path: str, limit_octets: int = BUFFER_LIMIT_OCTETS) -> None:
    """Carry both ways between ExaBGP and the node that listens at a path."""
    keep_private()
    backlog = Backlog(limit_octets)
    threading.Thread(target=read_events, args=(backlog,), daemon=True).start()
    node = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    node.connect(path)
    threading.Thread(target=carry_commands, args=(node,), daemon=True).start()
    while (chunk := backlog.take()) is not None:
        node.sendall(chunk)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except OSError as error:
        sys.exit(f"relay: {sys.argv[1]}: {error.strerror}")
