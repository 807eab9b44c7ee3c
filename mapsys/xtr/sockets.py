"""The sockets of a tunnel router: control and data of each own address, and raw ones to send."""

from __future__ import annotations

import socket
from typing import Final, NamedTuple

from mapsys.core.effects import Endpoint
from mapsys.lig import CONTROL_PORT
from mapsys.start_error import StartError
from mapsys.wire.ip import DATA_PORT

RECEIVE_BUFFER_OCTETS: Final = 4 << 20
DATAGRAM_LIMIT: Final = 65_535
ANCILLARY_LIMIT: Final = 256
HOP_LIMIT_UNKNOWN: Final = 255

_UDP_NO_CHECK6_RX: Final = 102
_IPV6_RECVHOPLIMIT: Final = 51
_IPV6_HOPLIMIT: Final = 52
_IPV6_RECVTCLASS: Final = 66
_IPV6_TCLASS: Final = 67
_IP_RECVTTL: Final = 12
_IP_RECVTOS: Final = 13
_IP_TTL: Final = 2
_IP_TOS: Final = 1
_LIMITS: Final = {(socket.IPPROTO_IP, _IP_TTL), (socket.IPPROTO_IPV6, _IPV6_HOPLIMIT)}
_CLASSES: Final = {(socket.IPPROTO_IP, _IP_TOS), (socket.IPPROTO_IPV6, _IPV6_TCLASS)}


class Outer(NamedTuple):
    """A datagram that came to port 4341."""

    payload: bytes
    source: str
    hop_limit: int
    traffic_class: int


class AddressSockets:
    """What is received at one own address."""

    def __init__(self, host: str) -> None:
        """Raises StartError where a port is taken or the address is not there."""
        self.host = host
        self.control = _bound(host, CONTROL_PORT)
        try:
            self.data = _bound(host, DATA_PORT)
        except StartError:
            self.control.close()
            raise
        if ":" in host:
            # ITRs leave the checksum out over IPv6 too (RFC 9300, 5.3; RFC 6935).
            self.data.setsockopt(socket.IPPROTO_UDP, _UDP_NO_CHECK6_RX, 1)
            self.data.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, 1)
            self.data.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVTCLASS, 1)
        else:
            self.data.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            self.data.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)

    def close(self) -> None:
        """Receive no more."""
        self.control.close()
        self.data.close()

    def read_control(self) -> tuple[bytes, Endpoint]:
        """The next control message. Raises BlockingIOError where there is none, OSError."""
        data, address = self.control.recvfrom(DATAGRAM_LIMIT)
        return data, Endpoint(str(address[0]).partition("%")[0], address[1])

    def read_data(self) -> Outer:
        """The next encapsulated packet. Raises BlockingIOError where there is none, OSError."""
        payload, ancillary, _, address = self.data.recvmsg(DATAGRAM_LIMIT, ANCILLARY_LIMIT)
        hop_limit, traffic_class = HOP_LIMIT_UNKNOWN, 0
        for level, kind, octets in ancillary:
            if (level, kind) in _LIMITS:
                hop_limit = int.from_bytes(octets, "little")
            elif (level, kind) in _CLASSES:
                traffic_class = int.from_bytes(octets, "little")
        source = str(address[0]).partition("%")[0]
        return Outer(payload, source, hop_limit & 0xFF, traffic_class & 0xFF)


class RawSenders:
    """Sends whole IP packets, as they are, into the underlay."""

    def __init__(self) -> None:
        """Raises StartError without the privilege."""
        try:
            self._ipv4 = _raw(socket.AF_INET)
            self._ipv6 = _raw(socket.AF_INET6)
        except PermissionError as error:
            raise StartError(
                "raw sockets cannot be opened, which encapsulated packets leave from; it takes"
                " root, or CAP_NET_RAW"
            ) from error

    def send(self, packet: bytes, destination: str) -> None:
        """Raises OSError: too large for the way out, no route."""
        if ":" in destination:
            self._ipv6.sendto(packet, (destination, 0))
        else:
            self._ipv4.sendto(packet, (destination, 0))

    def close(self) -> None:
        """Send no more."""
        self._ipv4.close()
        self._ipv6.close()


def _raw(family: socket.AddressFamily) -> socket.socket:
    # Of this protocol the kernel takes the IP header from us, and never delivers anything.
    return socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_RAW)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise StartError(
            f"cannot listen at {Endpoint(host, port)}: {error.strerror}; a local locator has to be"
            " an address of this host, and nobody else may hold its ports 4341 and 4342"
        ) from error
    return opened
