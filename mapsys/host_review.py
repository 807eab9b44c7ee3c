"""What the review finds in the host that a node runs on, at the moment it is asked."""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterable, Iterator
from typing import Final

from mapsys.config.checks import CHECKS, Finding
from mapsys.config.faults import Fault

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_TIME_ERROR: Final = 5
"""What adjtimex returns for a clock that nothing keeps right (timex.h)."""

_TIMEX_OCTETS: Final = 256
"""More than struct timex has; all zero it only asks."""


def host_findings(asked_octets: int, granted_octets: Iterable[int]) -> Iterator[Finding]:
    """About the clock, and the receive buffers that were granted of what was asked for."""
    if _LIBC.adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS)) == _TIME_ERROR:
        yield _found("clock-unsynchronised", "the system clock is not synchronised")
    least = min(granted_octets, default=asked_octets)
    if least < asked_octets:
        yield _found(
            "receive-buffer-not-granted",
            f"the system grants a receive buffer of {least} octets, of {asked_octets} asked for",
        )


def grantable_octets(asked_octets: int) -> int:
    """What the system would grant this process."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, asked_octets)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def _found(check: str, message: str) -> Finding:
    return Finding(CHECKS[check], Fault("", 0, 0, "", message))
