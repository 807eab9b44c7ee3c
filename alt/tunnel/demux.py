"""Which tunnel a GRE packet belongs to: the one code behind memory and userspace tunnels."""

from __future__ import annotations

import ipaddress
from collections import Counter

from alt.gre import IPV4_PAYLOAD, IPV6_PAYLOAD, GreError, decapsulate, encapsulate
from alt.gre import MAX_UINT32 as MAX_SEQUENCE
from alt.tunnel.base import TunnelCounters, TunnelError, TunnelSpec
from alt.tunnel.sequence import SequenceWindow


class GreEndpoint:
    """One tunnel's own end: wraps what is sent, judges what was received."""

    __slots__ = ("_plain", "_sequence", "_window", "counters", "spec")

    def __init__(self, spec: TunnelSpec) -> None:
        self.spec = spec
        self.counters = TunnelCounters()
        self._sequence = 0
        self._window = SequenceWindow()
        # Without checksum and sequence the header never changes: it is made once.
        self._plain = (
            None
            if spec.checksum or spec.sequence
            else {
                version: encapsulate(protocol, b"", key=spec.key)
                for version, protocol in ((4, IPV4_PAYLOAD), (6, IPV6_PAYLOAD))
            }
        )

    def wrap(self, packet: bytes) -> bytes:
        """The GRE packet around an inner IPv4 or IPv6 packet."""
        if self._plain is not None:
            return self._plain[packet[0] >> 4] + packet
        sequence = None
        if self.spec.sequence:
            sequence = self._sequence
            self._sequence = (sequence + 1) & MAX_SEQUENCE
        return encapsulate(
            IPV4_PAYLOAD if packet[0] >> 4 == 4 else IPV6_PAYLOAD,
            packet,
            key=self.spec.key,
            sequence=sequence,
            checksum=self.spec.checksum,
        )

    def accept(self, protocol: int, sequence: int | None, packet: bytes) -> bool:
        """Whether an inner packet is to be used; counts it either way."""
        counters = self.counters
        version = packet[0] >> 4 if packet else 0
        if version != (4 if protocol == IPV4_PAYLOAD else 6):
            counters.drop("protocol-mismatch")
            return False
        if sequence is not None and not self._window.accept(sequence):
            counters.drop("out-of-sequence")
            return False
        counters.packets_in += 1
        counters.octets_in += len(packet)
        return True


class Demultiplexer:
    """Endpoints by (remote address, key), which is unique, and by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, GreEndpoint] = {}
        self._by_origin: dict[tuple[str, int | None], GreEndpoint] = {}
        self._remotes: Counter[str] = Counter()
        self.strays: Counter[str] = Counter()

    def add(self, spec: TunnelSpec) -> GreEndpoint:
        """A new endpoint. Raises TunnelError where its name or (remote, key) is taken."""
        origin = _origin(spec)
        if spec.name in self._by_name:
            raise TunnelError(f"tunnel {spec.name}: there is one of this name already")
        other = self._by_origin.get(origin)
        if other is not None:
            raise TunnelError(
                f"tunnel {spec.name}: remote {spec.remote} with key {spec.key} is already tunnel "
                f"{other.spec.name}; give one of them another key"
            )
        endpoint = GreEndpoint(spec)
        self._by_name[spec.name] = self._by_origin[origin] = endpoint
        self._remotes[origin[0]] += 1
        return endpoint

    def remove(self, name: str) -> GreEndpoint:
        """Raises KeyError where there is none of this name."""
        endpoint = self._by_name.pop(name)
        origin = _origin(endpoint.spec)
        del self._by_origin[origin]
        self._remotes[origin[0]] -= 1
        return endpoint

    def get(self, name: str) -> GreEndpoint | None:
        """The endpoint of this name; None, and counted, where it was taken down."""
        endpoint = self._by_name.get(name)
        if endpoint is None:
            self.strays["no-such-tunnel"] += 1
        return endpoint

    def counters(self) -> dict[str, TunnelCounters]:
        """By tunnel name."""
        return {name: endpoint.counters for name, endpoint in self._by_name.items()}

    def received(self, remote: str, octets: bytes) -> tuple[str, bytes] | None:
        """The tunnel's name and the inner packet; None where the packet was dropped and counted.

        remote: the outer source address in its shortest text form.
        octets: from the GRE header on.
        """
        try:
            protocol, key, sequence, packet = decapsulate(octets)
        except GreError as error:
            self.strays[error.reason] += 1
            return None
        endpoint = self._by_origin.get((remote, key))
        if endpoint is None:
            # A Counter's get, not its []: that would keep an entry for each stranger.
            known = self._remotes.get(remote, 0) > 0
            self.strays["wrong-key" if known else "unknown-remote"] += 1
            return None
        if not endpoint.accept(protocol, sequence, packet):
            return None
        return endpoint.spec.name, packet


def _origin(spec: TunnelSpec) -> tuple[str, int | None]:
    return str(ipaddress.ip_address(spec.remote)), spec.key
