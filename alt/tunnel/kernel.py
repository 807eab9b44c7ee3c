"""The kernel's GRE: BGP never crosses Python, Map-Requests reach the plane by packet sockets.

The overlay does not forward, so that what is in transit gets no further in the
kernel than the copy that the plane is given.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

from alt.gre import IPV4_PAYLOAD, IPV6_PAYLOAD
from alt.privileged import Privileges
from alt.tunnel.base import (
    BATCH_LIMIT,
    LARGEST_PACKET,
    Receive,
    TunnelCounters,
    TunnelError,
    TunnelSpec,
    refuse_second,
    send_reason,
)
from alt.tunnel.demux import Demultiplexer, GreEndpoint
from alt.tunnel.device import device_name


class _Tunnel:
    """One tunnel: its device, and the packet socket on it."""

    __slots__ = ("capture", "endpoint", "to_ipv4", "to_ipv6")

    def __init__(self, endpoint: GreEndpoint, device: str, capture: socket.socket) -> None:
        self.endpoint = endpoint
        self.capture = capture
        # Bound to all protocols, the socket does not know which one it sends.
        self.to_ipv4 = (device, IPV4_PAYLOAD)
        self.to_ipv6 = (device, IPV6_PAYLOAD)


class KernelBackend:
    """Tunnels on one event loop; their counters see Map-Requests only, the kernel all packets."""

    kind: Final = "kernel"

    def __init__(
        self, privileges: Privileges, receive: Receive, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._privileges = privileges
        self._receive = receive
        self._loop = loop
        self._known = Demultiplexer()
        self._tunnels: dict[str, _Tunnel] = {}

    def open(self, spec: TunnelSpec) -> None:
        refuse_second(spec.name, self._tunnels)
        endpoint = self._known.add(spec, self._receive)
        try:
            capture = self._privileges.gre_link(spec)
        except TunnelError:
            self._known.remove(endpoint)
            raise
        device = device_name(self._privileges.overlay, spec.name)
        self._tunnels[spec.name] = tunnel = _Tunnel(endpoint, device, capture)
        self._loop.add_reader(capture, self._read, tunnel)

    def close(self, name: str) -> None:
        tunnel = self._tunnels.pop(name)
        self._known.remove(tunnel.endpoint)
        self._loop.remove_reader(tunnel.capture)
        tunnel.capture.close()
        self._privileges.remove_gre_link(name)

    def send(self, name: str, packet: bytes) -> None:
        tunnel = self._tunnels.get(name)
        if tunnel is None:
            self._known.strays["no-such-tunnel"] += 1
            return
        counters = tunnel.endpoint.counters
        try:
            tunnel.capture.sendto(packet, tunnel.to_ipv4 if packet[0] >> 4 == 4 else tunnel.to_ipv6)
        except OSError as error:
            counters.drop(send_reason(error))
            return
        counters.packets_out += 1
        counters.octets_out += len(packet)

    def to_stack(self, name: str, packet: bytes) -> None:
        """Nothing is left to do: the stack got the packet itself, this was a copy."""

    def counters(self) -> Mapping[str, TunnelCounters]:
        return {name: tunnel.endpoint.counters for name, tunnel in self._tunnels.items()}

    def strays(self) -> Mapping[str, int]:
        return self._known.strays

    def shutdown(self) -> None:
        for name in list(self._tunnels):
            self.close(name)

    def _read(self, tunnel: _Tunnel) -> None:
        counters = tunnel.endpoint.counters
        for _ in range(BATCH_LIMIT):
            try:
                packet = tunnel.capture.recv(LARGEST_PACKET)
            except BlockingIOError:
                return
            except OSError:
                counters.drop("unreachable")  # the device went down meanwhile
                return
            counters.packets_in += 1
            counters.octets_in += len(packet)
            self._receive(tunnel.endpoint.spec.name, packet)
