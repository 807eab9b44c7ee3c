"""Raw sockets of protocol 47: the underlay side of userspace tunnels."""

from __future__ import annotations

import socket
from typing import Final

from alt.gre import PROTOCOL_NUMBER

RECEIVE_BUFFER_OCTETS: Final = 4 << 20
"""Holds some 5,000 Map-Requests while the process is busy elsewhere."""

SO_RCVBUFFORCE: Final = 33
_IP_MTU_DISCOVER: Final = 10
_IPV6_MTU_DISCOVER: Final = 23
_PMTUDISC_DONT: Final = 0


def open_raw_gre(version: int) -> socket.socket:
    """A non-blocking socket for the GRE of one outer IP version, 4 or 6. Raises OSError.

    Outer packets go without DF and may be fragmented, as RFC 6836, 5.3 expects of
    an ALT that hides its MTU from the ITRs.
    """
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    raw = socket.socket(
        family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, PROTOCOL_NUMBER
    )
    try:
        raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_OCTETS)
        if version == 4:
            raw.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
        else:
            raw.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
    except OSError:
        raw.close()
        raise
    return raw
