"""Keeps what a process knows inside it: no core dump, no look into its memory by others."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""From the system's prctl.h. 0: no core dump, and only root may attach or read /proc/PID/mem."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)

PRIVATE_UMASK: Final = 0o077


def guard_memory(*, core_dumps: bool = False) -> None:
    """Guard this process, until it executes another program; new files are its owner's alone.

    core_dumps: leave dumping as it was, for whoever looks for a crash. Raises OSError.
    """
    os.umask(PRIVATE_UMASK)
    if core_dumps:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"core dumps cannot be switched off: {os.strerror(number)}")
