"""Which tunnel a GRE packet belongs to: the one code behind memory and userspace tunnels."""

from __future__ import annotations

import ipaddress
from collections import Counter

from alt.gre import IPV4_PAYLOAD, IPV6_PAYLOAD, GreError, decapsulate, encapsulate
from alt.gre import MAX_UINT32 as MAX_SEQUENCE
from alt.tunnel.base import Receive, TunnelCounters, TunnelError, TunnelSpec
from alt.tunnel.sequence import SequenceWindow


class GreEndpoint:
    """One tunnel's own end: wraps what is sent, judges what was received.

    receive: takes what is good.
    """

    __slots__ = ("_plain", "_sequence", "_window", "counters", "receive", "spec")

    def __init__(self, spec: TunnelSpec, receive: Receive) -> None:
        self.spec = spec
        self.receive = receive
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
    """Endpoints by (remote address, key), which is unique among all that share an underlay.

    remotes: the packed remote ends of all tunnels.
    """

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, int | None], GreEndpoint] = {}
        self._known_remotes: frozenset[str] = frozenset()
        self.remotes: frozenset[bytes] = frozenset()
        self.strays: Counter[str] = Counter()

    def add(self, spec: TunnelSpec, receive: Receive) -> GreEndpoint:
        """A new endpoint. Raises TunnelError where its (remote, key) is taken."""
        origin = _origin(spec)
        other = self._endpoints.get(origin)
        if other is not None:
            raise TunnelError(
                f"tunnel {spec.name}: remote {spec.remote} with key {spec.key} is already tunnel "
                f"{other.spec.name}; give one of them another key"
            )
        endpoint = self._endpoints[origin] = GreEndpoint(spec, receive)
        self._note_remotes()
        return endpoint

    def remove(self, endpoint: GreEndpoint) -> None:
        """Forget an endpoint."""
        del self._endpoints[_origin(endpoint.spec)]
        self._note_remotes()

    def received(self, remote: str, octets: bytes) -> None:
        """Take a GRE packet from the underlay, and hand on the inner packet or count why not.

        remote: the outer source address in its shortest text form.
        octets: from the GRE header on.
        """
        try:
            protocol, key, sequence, packet = decapsulate(octets)
        except GreError as error:
            self.strays[error.reason] += 1
            return
        endpoint = self._endpoints.get((remote, key))
        if endpoint is None:
            known = remote in self._known_remotes
            self.strays["wrong-key" if known else "unknown-remote"] += 1
        elif endpoint.accept(protocol, sequence, packet):
            endpoint.receive(endpoint.spec.name, packet)

    def _note_remotes(self) -> None:
        self._known_remotes = frozenset(remote for remote, _ in self._endpoints)
        self.remotes = frozenset(ipaddress.ip_address(r).packed for r in self._known_remotes)


def _origin(spec: TunnelSpec) -> tuple[str, int | None]:
    return str(ipaddress.ip_address(spec.remote)), spec.key
