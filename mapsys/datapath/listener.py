"""One UDP socket of the control port: its options, its local addresses, what the kernel says."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, cast

from mapsys.core.effects import Endpoint

RECEIVE_BUFFER_OCTETS: Final = 8 * 1024 * 1024
"""Asked for. The usual default of 208 KiB holds 256 small datagrams, this some 20,000."""

MAX_DATAGRAM_OCTETS: Final = 65_535
_ANCILLARY_SPACE: Final = 128

# Linux numbers that the socket module does not name in every version (asm-generic/socket.h, in.h).
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_SK_MEMINFO_DROPS: Final = 8
_IP_PKTINFO: Final = 8

_MEMINFO = struct.Struct("=9I")
_IN_PKTINFO = struct.Struct("=i4s4s")
_IN6_PKTINFO = struct.Struct("=16si")

SocketAddress = tuple[Any, ...]
"""(host, port), with flow and scope behind it for IPv6, as the socket module gives it."""


class Route(NamedTuple):
    """A way out: sends one payload to one endpoint (raises OSError), and what counts it.

    listener: the socket. source: the packed address it leaves from, where the socket
    has several.
    """

    transmit: Callable[[bytes, Endpoint], object]
    sent: list[int]
    listener: Listener
    source: bytes | None = None


def is_ipv6(host: str) -> bool:
    """Whether an address in text form is an IPv6 address."""
    return ":" in host


def is_loopback(host: str) -> bool:
    """Whether an address in text form never leaves this host."""
    return host.startswith("127.") or host == "::1"


def is_wildcard(host: str) -> bool:
    """Whether an address in text form stands for every local address."""
    return host in ("0.0.0.0", "::")


class Listener:
    """A bound, non-blocking socket.

    asked: the address as asked for (port 0 as 0).
    address: what it is bound to.
    local: the address the datagram last received was sent to.
    receive: reads one datagram: (payload, source). Raises BlockingIOError.
    received, sent: datagrams by type code.
    """

    def __init__(
        self,
        asked: Endpoint,
        receive_buffer_octets: int,
        inherited: socket.socket | None = None,
    ) -> None:
        """Open and bind. Raises OSError, its ``filename`` the address as HOST:PORT.

        inherited: a bound socket to use, which stays open beyond this listener's life.

        Neither SO_REUSEADDR nor SO_REUSEPORT is set: with either, a second server
        would share the port in silence.
        """
        self.asked = asked
        self.ipv6 = is_ipv6(asked.host)
        self.wildcard = is_wildcard(asked.host)
        self.received = [0] * 16
        self.sent = [0] * 16
        family = socket.AF_INET6 if self.ipv6 else socket.AF_INET
        try:
            self._socket = (
                socket.socket(family, socket.SOCK_DGRAM) if inherited is None else inherited.dup()
            )
        except OSError as error:
            raise _named(error, asked) from error
        try:
            self._configure(receive_buffer_octets, is_bound=inherited is not None)
            if inherited is None:
                self._socket.bind((asked.host, asked.port))
        except OSError as error:
            self._socket.close()
            raise _named(error, asked) from error
        self.address = Endpoint(*self._socket.getsockname()[:2])
        self.local = self.address
        self.receive: Callable[[], tuple[bytes, SocketAddress]] = (
            self._receive_any
            if self.wildcard
            else partial(self._socket.recvfrom, MAX_DATAGRAM_OCTETS)
        )

    def _configure(self, receive_buffer_octets: int, *, is_bound: bool) -> None:
        self._socket.setblocking(False)
        if self.ipv6 and not is_bound:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if self.wildcard and self.ipv6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif self.wildcard:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer_octets)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_octets)

    @property
    def receive_buffer_octets(self) -> int:
        """What was granted; the kernel reports twice that, for its own bookkeeping."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2

    @property
    def queue_drops(self) -> int:
        """Datagrams the kernel dropped at this socket since it was opened.

        The number SO_RXQ_OVFL attaches to datagrams, asked for when wanted: no
        cost for each datagram, and known even if none follows the loss.
        """
        memory = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return cast(int, _MEMINFO.unpack(memory)[_SK_MEMINFO_DROPS])

    def fileno(self) -> int:
        """The descriptor to watch for readability."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def route(self, source_host: str | None) -> Route:
        """The way out from a local address; None lets the system choose."""
        if not self.wildcard or source_host is None:
            return Route(self._socket.sendto, self.sent, self)
        if self.ipv6:
            packed = socket.inet_pton(socket.AF_INET6, source_host)
            control = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _IN6_PKTINFO.pack(packed, 0))
        else:
            packed = socket.inet_pton(socket.AF_INET, source_host)
            control = (socket.IPPROTO_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, packed, bytes(4)))

        def transmit(data: bytes, destination: Endpoint) -> int:
            return self._socket.sendmsg((data,), (control,), 0, destination)

        return Route(transmit, self.sent, self, packed)

    def _receive_any(self) -> tuple[bytes, SocketAddress]:
        data, ancillary, _, source = self._socket.recvmsg(MAX_DATAGRAM_OCTETS, _ANCILLARY_SPACE)
        for level, kind, payload in ancillary:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
                # The local address to answer from, which a broadcast's destination is not.
                host = socket.inet_ntop(socket.AF_INET, _IN_PKTINFO.unpack(payload)[1])
                self.local = Endpoint(host, self.address.port)
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                host = socket.inet_ntop(socket.AF_INET6, _IN6_PKTINFO.unpack(payload)[0])
                self.local = Endpoint(host, self.address.port)
        return data, source


_FAILURES: Final = {
    errno.EAGAIN: "buffer-full",
    errno.ENOBUFS: "no-buffers",
    errno.ECONNREFUSED: "port-unreachable",
    errno.EMSGSIZE: "too-long",
    errno.ENETUNREACH: "net-unreachable",
    errno.EHOSTUNREACH: "host-unreachable",
    errno.EACCES: "not-permitted",
    errno.EPERM: "not-permitted",
    errno.EINVAL: "invalid-address",
    errno.EADDRNOTAVAIL: "invalid-address",
}


def failure_reason(number: int | None) -> str:
    """The label of a failed send or receive, from a closed set. number: of the error."""
    return _FAILURES.get(number or 0, "other")


def _named(error: OSError, address: Endpoint) -> OSError:
    return OSError(error.errno, error.strerror, str(address))
