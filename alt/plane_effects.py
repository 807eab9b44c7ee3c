"""What the ALT's data plane asks for, packet by packet; ``plane_carrier`` carries it out."""

from __future__ import annotations

from typing import NamedTuple

from mapsys.core.effects import Endpoint
from mapsys.core.questions import AltHole
from mapsys.eid import EidPrefix


class Forward(NamedTuple):
    """Send an inner packet to the neighbour at the other end of a tunnel."""

    tunnel: str
    packet: bytes


class Deliver(NamedTuple):
    """Give a request to this node's Map-Server.

    data: the UDP payload: a Map-Request, or LISP-SEC's ECM around one.
    source: the RLOC and port it came from, which the ALT leaves as they were.
    eid: what it was routed by: a host EID-Prefix of this ALT's instance-ID.
    tunnel: None where this node's own Map-Resolver asked. packet: all of it, from
    its IP header on, as received. hole: what it is to be denied with, for which
    LISP-SEC takes the Map-Server's keys (RFC 9303, 6.7).
    """

    data: bytes
    source: Endpoint
    eid: EidPrefix
    tunnel: str | None
    packet: bytes
    hole: AltHole | None = None


class SendNegative(NamedTuple):
    """Send a Negative Map-Reply from port 4342 over the underlay, never over the ALT.

    eid: the prefix it is about. action: RFC 9301, 5.4.
    """

    data: bytes
    destination: Endpoint
    eid: EidPrefix
    action: int


class ToStack(NamedTuple):
    """Give a packet to the overlay's own stack: it is for one of the tunnel addresses."""

    tunnel: str
    packet: bytes


class DropCounted(NamedTuple):
    """A packet that goes nowhere.

    tunnel: None for a request of this node's own Map-Resolver.
    reason: one of ``plane_reasons.PLANE_REASONS``.
    """

    tunnel: str | None
    reason: str


PlaneEffect = Forward | Deliver | SendNegative | ToStack | DropCounted
