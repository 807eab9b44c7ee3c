"""The underlay side of userspace tunnels: one raw socket per outer IP version for all of them.

ALT instances share it: a socket of each one's own would get a copy of every
other's packets.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final

from alt.tunnel.base import BATCH_LIMIT, LARGEST_PACKET, Receive, TunnelSpec, send_reason
from alt.tunnel.demux import Demultiplexer, GreEndpoint

_IP_PKTINFO: Final = 8
_SO_MEMINFO: Final = 55
_MEMINFO: Final = Struct("=9I")
_DROPS: Final = 8


class GrePort:
    """One tunnel's way out to the underlay."""

    __slots__ = ("_ancillary", "_raw", "_remote", "endpoint")

    def __init__(self, endpoint: GreEndpoint, raw: socket.socket) -> None:
        self.endpoint = endpoint
        self._raw = raw
        self._remote = (str(ipaddress.ip_address(endpoint.spec.remote)), 0)
        self._ancillary = _source_choice(endpoint.spec)

    def send(self, packet: bytes) -> None:
        """Send an inner packet, or count why not."""
        endpoint = self.endpoint
        counters = endpoint.counters
        try:
            self._raw.sendmsg((endpoint.wrap(packet),), self._ancillary, 0, self._remote)
        except OSError as error:
            counters.drop(send_reason(error))
            return
        counters.packets_out += 1
        counters.octets_out += len(packet)


class GreUnderlay:
    """Reads the raw sockets on one event loop.

    open_raw: opens one for an outer IP version, 4 or 6; raises TunnelError.
    """

    def __init__(
        self, open_raw: Callable[[int], socket.socket], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._open_raw = open_raw
        self._loop = loop
        self._raw: dict[int, socket.socket] = {}
        self._demultiplexer = Demultiplexer()

    @property
    def remotes(self) -> frozenset[bytes]:
        """The packed remote ends of all tunnels."""
        return self._demultiplexer.remotes

    def attach(self, spec: TunnelSpec, receive: Receive) -> GrePort:
        """Begin to receive for a tunnel. Raises TunnelError."""
        raw = self._raw_socket(spec.outer_version)
        return GrePort(self._demultiplexer.add(spec, receive), raw)

    def detach(self, port: GrePort) -> None:
        """Receive no more for a tunnel."""
        self._demultiplexer.remove(port.endpoint)

    def count_stray(self, reason: str) -> None:
        """Count a packet that belongs to no tunnel."""
        self._demultiplexer.strays[reason] += 1

    def strays(self) -> Mapping[str, int]:
        """Packets that belong to no tunnel, by reason."""
        counts = dict(self._demultiplexer.strays)
        lost = sum(
            _MEMINFO.unpack(raw.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_DROPS]
            for raw in self._raw.values()
        )
        if lost:
            counts["receive-queue-full"] = lost
        return counts

    def shutdown(self) -> None:
        """Close the sockets; from then on the kernel answers GRE with ICMP."""
        for raw in self._raw.values():
            self._loop.remove_reader(raw)
            raw.close()
        self._raw.clear()

    def _raw_socket(self, version: int) -> socket.socket:
        raw = self._raw.get(version)
        if raw is None:
            raw = self._raw[version] = self._open_raw(version)
            self._loop.add_reader(raw, self._read, raw, version)
        return raw

    def _read(self, raw: socket.socket, version: int) -> None:
        received = self._demultiplexer.received
        for _ in range(BATCH_LIMIT):
            try:
                octets, source = raw.recvfrom(LARGEST_PACKET)
            except BlockingIOError:
                return
            except OSError:
                # The underlay's ICMP about something sent before; it names no packet.
                self.count_stray("unreachable")
                continue
            if version == 4:
                # Only an IPv4 raw socket hands over the outer header.
                octets = octets[(octets[0] & 0x0F) * 4 :]
            received(source[0], octets)


def _source_choice(spec: TunnelSpec) -> list[tuple[int, int, bytes]]:
    """Ancillary data that has a packet leave from the tunnel's local address."""
    if spec.local is None:
        return []
    local = ipaddress.ip_address(spec.local).packed
    if spec.outer_version == 4:
        # ipi_ifindex (any), ipi_spec_dst, ipi_addr
        return [(socket.IPPROTO_IP, _IP_PKTINFO, bytes(4) + local + bytes(4))]
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, local + bytes(4))]
