"""What a tunnel is, and what every backend promises; memory, userspace and kernel keep it."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from alt.gre import GRE_REASONS, MAX_UINT32, header_length

UNDERLAY_MTU: Final = 1500
MIN_INNER_MTU: Final = 1280
"""Every link that carries IPv6 does so much (RFC 8200, 5)."""

LARGEST_PACKET: Final = 65_535

BATCH_LIMIT: Final = 64
"""Packets read in one turn of the event loop; the rest waits for the next."""

TUNNEL_REASONS: Final = GRE_REASONS | {
    "unknown-remote",
    "wrong-key",
    "out-of-sequence",
    "protocol-mismatch",
    "to-tunnel-remote",
    "too-big",
    "congested",
    "unreachable",
    "stack-refused",
    "no-such-tunnel",
    "receive-queue-full",
}
"""Every reason for a tunnel to drop a packet: a closed set, fit for counter labels.

protocol-mismatch: the GRE protocol type and the inner version differ.
to-tunnel-remote: the overlay's own stack sent to a tunnel's remote end, which
would run in circles. too-big, congested, unreachable: the underlay's answers to
sending. stack-refused: the overlay's stack did not take the packet. no-such-tunnel: a
route still pointed at a tunnel that was taken down. receive-queue-full: the node
was too slow, and the kernel dropped what it had no room for.
"""


_SEND_REASONS: Final = {
    errno.EMSGSIZE: "too-big",
    errno.EAGAIN: "congested",
    errno.ENOBUFS: "congested",
}


def send_reason(error: OSError) -> str:
    """Which of TUNNEL_REASONS a failed send counts under."""
    return _SEND_REASONS.get(error.errno or 0, "unreachable")


class TunnelError(Exception):
    """A tunnel or its overlay cannot be set up; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class TunnelSpec:
    """One GRE tunnel as configured.

    local: an underlay address of this node; None lets the routes choose.
    key: 0..2**32-1; None sends and accepts packets without a key field.
    inner4, inner6: own address with its length, "10.255.0.13/31"; at least one.
    mtu: octets of the largest inner packet; None fits an underlay of 1500.
    checksum, sequence: whether packets sent carry them; received ones are
    checked wherever present.
    Raises ValueError that names the field.
    """

    name: str
    local: str | None
    remote: str
    key: int | None = None
    mtu: int | None = None
    inner4: str | None = None
    inner6: str | None = None
    checksum: bool = False
    sequence: bool = False

    def __post_init__(self) -> None:
        for name, value, read, kind in (
            ("remote", self.remote, ipaddress.ip_address, "an IP address"),
            ("local", self.local, ipaddress.ip_address, "an IP address"),
            ("inner", self.inner4, ipaddress.IPv4Interface, "an IPv4 address with its length"),
            ("inner6", self.inner6, ipaddress.IPv6Interface, "an IPv6 address with its length"),
        ):
            if value is not None and not _is(read, value):
                raise ValueError(f"tunnel {self.name}: {name} {value!r} is not {kind}")
        if (
            self.local is not None
            and ipaddress.ip_address(self.local).version != self.outer_version
        ):
            raise ValueError(f"tunnel {self.name}: local and remote are of different families")
        if self.key is not None and not 0 <= self.key <= MAX_UINT32:
            raise ValueError(f"tunnel {self.name}: key {self.key} is outside 0..{MAX_UINT32}")
        if self.inner4 is None and self.inner6 is None:
            raise ValueError(f"tunnel {self.name}: inner or inner6 is needed")
        if not MIN_INNER_MTU <= self.inner_mtu <= LARGEST_PACKET:
            raise ValueError(
                f"tunnel {self.name}: mtu {self.inner_mtu} is outside "
                f"{MIN_INNER_MTU}..{LARGEST_PACKET}"
            )

    @property
    def outer_version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.remote).version

    @property
    def inner_mtu(self) -> int:
        """Octets of the largest inner packet: 1472 with a key over IPv4."""
        if self.mtu is not None:
            return self.mtu
        outer = 20 if self.outer_version == 4 else 40
        return (
            UNDERLAY_MTU
            - outer
            - header_length(
                key=self.key is not None, sequence=self.sequence, checksum=self.checksum
            )
        )

    @property
    def own_addresses(self) -> frozenset[bytes]:
        """The packed inner addresses, lengths apart."""
        return frozenset(
            ipaddress.ip_interface(text).ip.packed for text in (self.inner4, self.inner6) if text
        )


def _is(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class TunnelCounters:
    """Totals of one tunnel since it was opened; octets are the inner packets'.

    dropped: by the names in TUNNEL_REASONS.
    """

    packets_in: int = 0
    octets_in: int = 0
    packets_out: int = 0
    octets_out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count one packet that went nowhere."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def refuse_second(name: str, tunnels: Container[str]) -> None:
    """Raises TunnelError where a tunnel of this name is up already."""
    if name in tunnels:
        raise TunnelError(f"tunnel {name}: there is one of this name already")


Receive = Callable[[str, bytes], None]
"""Takes an inner IP packet and the name of the tunnel that it came through."""


class TunnelBackend(Protocol):
    """Carries inner packets to and from the neighbours; hands each one received to Receive.

    Nothing here blocks but ``open`` and ``close``, which take milliseconds.
    """

    @property
    def kind(self) -> str:
        """ "memory", "userspace" or "kernel"."""

    def open(self, spec: TunnelSpec) -> None:
        """Bring a tunnel up. Raises TunnelError; name and (remote, key) have to be free."""

    def close(self, name: str) -> None:
        """Take a tunnel down. Raises KeyError where there is none of this name."""

    def send(self, name: str, packet: bytes) -> None:
        """Send one inner packet to the neighbour; what cannot be sent is counted."""

    def to_stack(self, name: str, packet: bytes) -> None:
        """Give a received packet to the overlay's own stack: BGP and ping."""

    def counters(self) -> Mapping[str, TunnelCounters]:
        """By tunnel name."""

    def strays(self) -> Mapping[str, int]:
        """Packets that belong to no tunnel, by reason; backends on one underlay share them."""

    def shutdown(self) -> None:
        """Take everything down."""
