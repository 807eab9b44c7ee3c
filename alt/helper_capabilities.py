"""Gives up Linux capabilities for good, all but the ones named."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from struct import pack
from typing import Final

CAP_NET_BIND_SERVICE: Final = 10
CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13
CAP_SYS_ADMIN: Final = 21

HELPER_CAPABILITIES: Final = frozenset({CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN})
"""Devices, addresses and sysctls; raw sockets; network namespaces."""

_VERSION_3: Final = 0x20080522
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

_libc = ctypes.CDLL(None, use_errno=True)


def keep_only(capabilities: frozenset[int]) -> None:
    """Drop every other capability of the calling thread, and the means to gain any.

    capabilities: by number; those that were not there do not appear.
    Call it before any other thread starts. Raises OSError.
    """
    kept = effective() & capabilities
    for number in range(64):
        if number not in kept and _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            # Without CAP_SETPCAP the bounding set stays; no_new_privs makes it moot.
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    mask = sum(1 << number for number in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _check(_libc.capset(pack("=Ii", _VERSION_3, 0), pack("=6I", low, low, 0, high, high, 0)))


def effective() -> frozenset[int]:
    """The calling thread's effective capabilities, by number."""
    status = Path("/proc/thread-self/status").read_text(encoding="ascii", errors="replace")
    mask = int(status.partition("CapEff:")[2].split()[0], 16)
    return frozenset(number for number in range(64) if mask >> number & 1)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"capabilities cannot be dropped: {os.strerror(number)}")
