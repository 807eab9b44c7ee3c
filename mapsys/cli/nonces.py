"""Nonces that rise from one run to the next (RFC 9301, 5.6): kept in a small file."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from mapsys.cli.exits import Failed

FILE_LIMIT_OCTETS: Final = 32


class NonceFile:
    """Gives nonces; each is above all that were given through the same file before.

    They start at the microseconds since 1970, so that a lost file does no harm as
    long as the clock was right.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def next(self) -> int:
        """A nonce, 64 bits, on disk before it is returned; raises as :meth:`reserve`."""
        return self.reserve(1)[0]

    def reserve(self, count: int) -> range:
        """So many nonces, rising; the last of them is on disk before they are returned.

        Raises Failed where the file cannot be used, with what to do.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                return self._raised(descriptor, count)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Failed(
                f"cannot keep the last nonce in {self._path}: {error.strerror};"
                " name another file with --nonce-file"
            ) from error

    def _raised(self, descriptor: int, count: int) -> range:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # two ETRs may share the file
        text = os.read(descriptor, FILE_LIMIT_OCTETS).strip()
        if text and not text.isdigit():
            raise Failed(
                f"{self._path} holds no nonce; remove it, or name another with --nonce-file"
            )
        first = max(int(text or b"0") + 1, time.time_ns() // 1000)
        nonces = range(first, first + count)
        os.pwrite(descriptor, b"%d\n" % nonces[-1], 0)
        os.fsync(descriptor)
        return nonces


def default_nonce_file() -> str:
    """Where nonces are kept when no file is named."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return str(Path(state) / "mapsys" / "nonce")
