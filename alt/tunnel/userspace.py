"""GRE without the kernel's module: raw sockets towards the underlay, TUN devices for the stack.

One raw socket per outer IP version serves all tunnels. What arrives goes to the
plane first, so that the overlay's stack never sees a packet in transit.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Mapping
from typing import Final

from alt.plane_datagram import destination_of
from alt.privileged import Privileges
from alt.tunnel.base import (
    BATCH_LIMIT,
    LARGEST_PACKET,
    Receive,
    TunnelCounters,
    TunnelError,
    TunnelSpec,
    send_reason,
)
from alt.tunnel.demux import Demultiplexer, GreEndpoint
from alt.tunnel.recursion import packed_remotes

_IP_PKTINFO: Final = 8


class _Tunnel:
    """One tunnel's outward side: where its packets go, and its TUN descriptor."""

    __slots__ = ("ancillary", "endpoint", "raw", "remote", "tun")

    def __init__(self, endpoint: GreEndpoint, raw: socket.socket, tun: int) -> None:
        self.endpoint = endpoint
        self.raw = raw
        self.tun = tun
        self.remote = (str(ipaddress.ip_address(endpoint.spec.remote)), 0)
        self.ancillary = _source_choice(endpoint.spec)


class UserspaceBackend:
    """Tunnels on one event loop, from the descriptors that the privileges open."""

    kind: Final = "userspace"

    def __init__(
        self, privileges: Privileges, receive: Receive, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._privileges = privileges
        self._receive = receive
        self._loop = loop
        self._demultiplexer = Demultiplexer()
        self._tunnels: dict[str, _Tunnel] = {}
        self._raw: dict[int, socket.socket] = {}
        self._remotes: frozenset[bytes] = frozenset()

    def open(self, spec: TunnelSpec) -> None:
        endpoint = self._demultiplexer.add(spec)
        try:
            # The raw socket first: until there is one, the kernel answers the
            # neighbour's GRE with ICMP protocol-unreachable.
            raw = self._raw_socket(spec.outer_version)
            tun = self._privileges.tun(spec)
        except TunnelError:
            self._demultiplexer.remove(spec.name)
            raise
        self._tunnels[spec.name] = tunnel = _Tunnel(endpoint, raw, tun)
        self._loop.add_reader(tun, self._read_tun, tunnel)
        self._note_remotes()

    def close(self, name: str) -> None:
        tunnel = self._tunnels.pop(name)
        self._demultiplexer.remove(name)
        self._loop.remove_reader(tunnel.tun)
        os.close(tunnel.tun)
        self._note_remotes()

    def send(self, name: str, packet: bytes) -> None:
        tunnel = self._tunnels.get(name)
        if tunnel is None:
            self._demultiplexer.strays["no-such-tunnel"] += 1
        else:
            _send(tunnel, packet)

    def to_stack(self, name: str, packet: bytes) -> None:
        tunnel = self._tunnels[name]
        try:
            os.write(tunnel.tun, packet)
        except OSError:
            # Its queue is full, or it looked into the packet and disliked it.
            tunnel.endpoint.counters.drop("stack-refused")

    def counters(self) -> Mapping[str, TunnelCounters]:
        return self._demultiplexer.counters()

    def strays(self) -> Mapping[str, int]:
        return self._demultiplexer.strays

    def shutdown(self) -> None:
        for name in list(self._tunnels):
            self.close(name)
        for raw in self._raw.values():
            self._loop.remove_reader(raw)
            raw.close()
        self._raw.clear()

    def _raw_socket(self, version: int) -> socket.socket:
        raw = self._raw.get(version)
        if raw is None:
            raw = self._raw[version] = self._privileges.raw_gre(version)
            self._loop.add_reader(raw, self._read_raw, raw, version)
        return raw

    def _note_remotes(self) -> None:
        self._remotes = packed_remotes(t.endpoint.spec for t in self._tunnels.values())

    def _read_raw(self, raw: socket.socket, version: int) -> None:
        receive, demultiplex = self._receive, self._demultiplexer.received
        for _ in range(BATCH_LIMIT):
            try:
                octets, source = raw.recvfrom(LARGEST_PACKET)
            except BlockingIOError:
                return
            except OSError:
                # The underlay's ICMP about something sent before; it names no packet.
                self._demultiplexer.strays["unreachable"] += 1
                continue
            if version == 4:
                # Only an IPv4 raw socket hands over the outer header.
                octets = octets[(octets[0] & 0x0F) * 4 :]
            found = demultiplex(source[0], octets)
            if found is not None:
                receive(*found)

    def _read_tun(self, tunnel: _Tunnel) -> None:
        for _ in range(BATCH_LIMIT):
            try:
                packet = os.read(tunnel.tun, LARGEST_PACKET)
            except BlockingIOError:
                return
            if destination_of(packet) in self._remotes:
                tunnel.endpoint.counters.drop("to-tunnel-remote")
            else:
                _send(tunnel, packet)


def _send(tunnel: _Tunnel, packet: bytes) -> None:
    counters = tunnel.endpoint.counters
    try:
        tunnel.raw.sendmsg((tunnel.endpoint.wrap(packet),), tunnel.ancillary, 0, tunnel.remote)
    except OSError as error:
        counters.drop(send_reason(error))
        return
    counters.packets_out += 1
    counters.octets_out += len(packet)


def _source_choice(spec: TunnelSpec) -> list[tuple[int, int, bytes]]:
    """Ancillary data that has a packet leave from the tunnel's local address."""
    if spec.local is None:
        return []
    local = ipaddress.ip_address(spec.local).packed
    if spec.outer_version == 4:
        # ipi_ifindex (any), ipi_spec_dst, ipi_addr
        return [(socket.IPPROTO_IP, _IP_PKTINFO, bytes(4) + local + bytes(4))]
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, local + bytes(4))]
