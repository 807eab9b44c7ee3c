"""A Unix socket that only the user who opened it may connect to."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def unix_listener(path: Path) -> socket.socket:
    """A bound stream socket of mode 0600 at a path; what a dead process left there goes.

    Raises OSError with a sentence that names the path, as where it is too long for a socket.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen at {path}: {error}") from error
    finally:
        os.umask(umask)
    return listener
