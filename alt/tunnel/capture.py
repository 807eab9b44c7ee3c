"""Packet sockets on tunnel devices: Map-Requests past the kernel's own GRE."""

from __future__ import annotations

import ctypes
import socket
from struct import pack
from typing import Final

from alt.netns import inside
from alt.tunnel.raw import RECEIVE_BUFFER_OCTETS, SO_RCVBUFFORCE

ETH_P_ALL: Final = 0x0003

_SO_ATTACH_FILTER: Final = 26
_SOL_PACKET: Final = 263
_PACKET_IGNORE_OUTGOING: Final = 23

# Classic BPF: the instructions used, by their codes.
_LOAD_OCTET: Final = 0x30
_LOAD_HALF: Final = 0x28
_LOAD_HALF_AFTER_INDEX: Final = 0x48
_INDEX_IPV4_HEADER: Final = 0xB1
_AND: Final = 0x54
_IF_EQUAL: Final = 0x15
_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

CONTROL_PORT_FILTER: Final = (
    (_LOAD_OCTET, 0, 0, 0),
    (_AND, 0, 0, 0xF0),
    (_IF_EQUAL, 8, 0, 0x60),  # IPv6: to the load of the next header
    (_IF_EQUAL, 0, 11, 0x40),
    (_LOAD_OCTET, 0, 0, 9),
    (_IF_EQUAL, 0, 9, 17),
    (_LOAD_HALF, 0, 0, 6),
    (_IF_ANY_BIT, 7, 0, 0x3FFF),  # a fragment
    (_INDEX_IPV4_HEADER, 0, 0, 0),
    (_LOAD_HALF_AFTER_INDEX, 0, 0, 2),
    (_IF_EQUAL, 5, 4, 4342),
    (_LOAD_OCTET, 0, 0, 6),  # IPv6
    (_IF_EQUAL, 0, 2, 17),
    (_LOAD_HALF, 0, 0, 42),
    (_IF_EQUAL, 1, 0, 4342),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFF),
)
"""(code, jump if true, jump if false, operand): whole UDP datagrams to port 4342.

Octet 0 is the first of the IP header. Jumps count from the next instruction.
"""


def open_capture(overlay: str, device: str) -> socket.socket:
    """A non-blocking socket that reads and sends IP packets on a device. Raises OSError.

    It reads only what CONTROL_PORT_FILTER lets through, and only what came in.
    """
    with inside(overlay):
        capture = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0
        )
        try:
            # With protocol 0 nothing is queued until bind: the filter is there first.
            _attach_filter(capture)
            capture.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_OCTETS)
            capture.bind((device, ETH_P_ALL))
        except OSError:
            capture.close()
            raise
    return capture


def _attach_filter(capture: socket.socket) -> None:
    octets = b"".join(pack("HBBI", *instruction) for instruction in CONTROL_PORT_FILTER)
    program = ctypes.create_string_buffer(octets, len(octets))
    header = pack("HL", len(CONTROL_PORT_FILTER), ctypes.addressof(program))
    capture.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
