"""GRE without the kernel's module: a shared GreUnderlay, and a TUN device for each tunnel.

What arrives goes to the plane first, so that the overlay's stack never sees a
packet in transit.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final, NamedTuple

from alt.plane_datagram import destination_of
from alt.privileged import Privileges
from alt.tunnel.base import (
    BATCH_LIMIT,
    LARGEST_PACKET,
    Receive,
    TunnelCounters,
    TunnelError,
    TunnelSpec,
    refuse_second,
)
from alt.tunnel.underlay import GrePort, GreUnderlay


class _Tunnel(NamedTuple):
    """tun: a descriptor of the overlay side."""

    port: GrePort
    tun: int


class UserspaceBackend:
    """The tunnels of one overlay, on one event loop."""

    kind: Final = "userspace"

    def __init__(
        self,
        privileges: Privileges,
        underlay: GreUnderlay,
        receive: Receive,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._privileges = privileges
        self._underlay = underlay
        self._receive = receive
        self._loop = loop
        self._tunnels: dict[str, _Tunnel] = {}

    def open(self, spec: TunnelSpec) -> None:
        refuse_second(spec.name, self._tunnels)
        # The underlay first: until it listens, the kernel answers the neighbour's
        # GRE with ICMP protocol-unreachable.
        port = self._underlay.attach(spec, self._receive)
        try:
            tun = self._privileges.tun(spec)
        except TunnelError:
            self._underlay.detach(port)
            raise
        self._tunnels[spec.name] = _Tunnel(port, tun)
        self._loop.add_reader(tun, self._read_tun, tun, port)

    def close(self, name: str) -> None:
        port, tun = self._tunnels.pop(name)
        self._underlay.detach(port)
        self._loop.remove_reader(tun)
        os.close(tun)

    def send(self, name: str, packet: bytes) -> None:
        tunnel = self._tunnels.get(name)
        if tunnel is None:
            self._underlay.count_stray("no-such-tunnel")
        else:
            tunnel.port.send(packet)

    def to_stack(self, name: str, packet: bytes) -> None:
        port, tun = self._tunnels[name]
        try:
            os.write(tun, packet)
        except OSError:
            # Its queue is full, or it looked into the packet and disliked it.
            port.endpoint.counters.drop("stack-refused")

    def counters(self) -> Mapping[str, TunnelCounters]:
        return {name: tunnel.port.endpoint.counters for name, tunnel in self._tunnels.items()}

    def strays(self) -> Mapping[str, int]:
        return self._underlay.strays()

    def shutdown(self) -> None:
        for name in list(self._tunnels):
            self.close(name)

    def _read_tun(self, tun: int, port: GrePort) -> None:
        for _ in range(BATCH_LIMIT):
            try:
                packet = os.read(tun, LARGEST_PACKET)
            except BlockingIOError:
                return
            if destination_of(packet) in self._underlay.remotes:
                port.endpoint.counters.drop("to-tunnel-remote")
            else:
                port.send(packet)
