"""Tunnels between nodes of one process: the same GRE octets, no socket, no privilege."""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from alt.tunnel.base import (
    Receive,
    TunnelCounters,
    TunnelError,
    TunnelSpec,
    refuse_second,
)
from alt.tunnel.demux import Demultiplexer, GreEndpoint

QUEUE_LIMIT: Final = 4096
"""GRE packets under way at once; more are dropped, as a network would."""


class MemoryUnderlay:
    """The network between memory backends; carries packets when told to."""

    def __init__(self) -> None:
        self._backends: dict[str, MemoryBackend] = {}
        self._queue: deque[tuple[str, str, bytes]] = deque()

    def attach(self, address: str, backend: MemoryBackend) -> None:
        """Give a backend an underlay address."""
        self._backends[str(ipaddress.ip_address(address))] = backend

    def detach(self, backend: MemoryBackend) -> None:
        """Take a backend's addresses away; packets to them are lost."""
        self._backends = {a: b for a, b in self._backends.items() if b is not backend}

    def put(self, source: str, destination: str, octets: bytes) -> bool:
        """Queue a GRE packet. False: there is no room."""
        if len(self._queue) >= QUEUE_LIMIT:
            return False
        self._queue.append((source, str(ipaddress.ip_address(destination)), octets))
        return True

    def carry(self, limit: int) -> int:
        """Deliver up to ``limit`` packets, in order, new ones included; how many they were."""
        carried = 0
        while self._queue and carried < limit:
            source, destination, octets = self._queue.popleft()
            carried += 1
            backend = self._backends.get(destination)
            if backend is not None:
                backend.arrive(source, octets)
        return carried


class MemoryBackend:
    """A node's tunnels over a MemoryUnderlay.

    stack: takes what belongs to the node's own stack.
    """

    kind: Final = "memory"

    def __init__(
        self,
        underlay: MemoryUnderlay,
        receive: Receive,
        stack: Callable[[str, bytes], None],
    ) -> None:
        self._underlay = underlay
        self._receive = receive
        self._stack = stack
        self._demultiplexer = Demultiplexer()
        self._tunnels: dict[str, GreEndpoint] = {}

    def open(self, spec: TunnelSpec) -> None:
        refuse_second(spec.name, self._tunnels)
        if spec.local is None:
            raise TunnelError(f"tunnel {spec.name}: a memory tunnel needs a local address")
        self._tunnels[spec.name] = self._demultiplexer.add(spec, self._receive)
        self._underlay.attach(spec.local, self)

    def close(self, name: str) -> None:
        self._demultiplexer.remove(self._tunnels.pop(name))

    def send(self, name: str, packet: bytes) -> None:
        endpoint = self._tunnels.get(name)
        if endpoint is None:
            self._demultiplexer.strays["no-such-tunnel"] += 1
            return
        spec = endpoint.spec
        assert spec.local is not None  # open() saw to it
        if self._underlay.put(spec.local, spec.remote, endpoint.wrap(packet)):
            endpoint.counters.packets_out += 1
            endpoint.counters.octets_out += len(packet)
        else:
            endpoint.counters.drop("congested")

    def arrive(self, source: str, octets: bytes) -> None:
        """A GRE packet from the underlay."""
        self._demultiplexer.received(source, octets)

    def to_stack(self, name: str, packet: bytes) -> None:
        self._stack(name, packet)

    def counters(self) -> Mapping[str, TunnelCounters]:
        return {name: endpoint.counters for name, endpoint in self._tunnels.items()}

    def strays(self) -> Mapping[str, int]:
        return self._demultiplexer.strays

    def shutdown(self) -> None:
        for name in list(self._tunnels):
            self.close(name)
        self._underlay.detach(self)
