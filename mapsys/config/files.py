"""Reading a named file whole, without ever waiting for it or reading past a bound."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_bounded(path: Path, limit_octets: int) -> tuple[bytes, int]:
    """The octets of a regular file, at most one more than the limit, and its mode.

    Raises OSError, or ValueError for a pipe, a device or a folder, with the reason.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("it is not a regular file")
        return file.read(limit_octets + 1), mode


def reason(error: OSError | ValueError) -> str:
    """Why a file could not be read, for the end of a sentence."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
