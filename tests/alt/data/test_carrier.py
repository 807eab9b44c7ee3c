"""Planes joined to tunnels: a chain of nodes in one process, and what is reported."""

from __future__ import annotations

from alt.effects import FibChange, Via
from alt.fib import Fib
from alt.plane import AltPlane, PlaneLimits
from alt.plane_carrier import PlaneCarrier
from alt.plane_effects import Deliver, SendNegative
from alt.tunnel.base import TunnelSpec
from alt.tunnel.memory import MemoryBackend, MemoryUnderlay
from mapsys.eid import EidPrefix
from mapsys.wire.ip import parse_ip_udp
from tests.alt.data.node import target_of
from tests.alt.data.packets import alt_packet


class Node:
    """A carrier over memory tunnels that keeps what it was given."""

    def __init__(self, underlay: MemoryUnderlay) -> None:
        fib = Fib(0)
        self.delivered: list[Deliver] = []
        self.negatives: list[SendNegative] = []
        self.recursions: list[list[str]] = []
        self.stack: list[tuple[str, bytes]] = []
        self.carrier = PlaneCarrier(
            AltPlane(0, fib, lambda eid: True, PlaneLimits.off()),
            fib,
            lambda receive: MemoryBackend(
                underlay, receive, lambda tunnel, packet: self.stack.append((tunnel, packet))
            ),
            clock=lambda: 0.0,
            on_deliver=self.delivered.append,
            on_negative=self.negatives.append,
            on_recursion=lambda prefix, names: self.recursions.append(names),
        )

    def route(self, prefix: str, target: str) -> None:
        self.carrier.change_route(FibChange(EidPrefix.parse(prefix), target_of(target)))


def chain(length: int) -> tuple[MemoryUnderlay, list[Node]]:
    """Nodes 1 to length in a row; tunnels are named after the neighbour, "n2"."""
    underlay = MemoryUnderlay()
    nodes = [Node(underlay) for _ in range(length)]
    for number, node in enumerate(nodes, 1):
        for other in (number - 1, number + 1):
            if 1 <= other <= length:
                node.carrier.open(
                    TunnelSpec(
                        f"n{other}", f"192.0.2.{number}", f"192.0.2.{other}",
                        1000 + min(number, other),
                        inner4=f"10.255.{min(number, other)}.{int(number > other)}/31",
                    )
                )  # fmt: skip
    return underlay, nodes


def test_a_request_travels_the_chain_and_is_delivered_at_its_end() -> None:
    underlay, nodes = chain(4)
    for number, node in enumerate(nodes[:-1], 1):
        node.route("198.18.0.0/15", f"n{number + 1}")
    nodes[-1].route("198.18.1.0/24", "local:site")
    packet = alt_packet("198.18.1.5", hop_limit=32)
    nodes[0].carrier.inject(packet)
    underlay.carry(limit=100)
    (delivered,) = nodes[-1].delivered
    assert delivered.data == parse_ip_udp(packet)[1]
    assert delivered.tunnel == "n3"
    assert [node.carrier.counters.forwarded for node in nodes] == [1, 1, 1, 0]
    assert nodes[-1].carrier.counters.delivered == 1


def test_a_routing_loop_ends_at_the_first_node_that_sees_the_request_again() -> None:
    underlay, nodes = chain(3)
    nodes[2].carrier.open(TunnelSpec("n1", "192.0.2.3", "192.0.2.1", 1009, inner4="10.255.9.1/31"))
    nodes[0].carrier.open(TunnelSpec("n3", "192.0.2.1", "192.0.2.3", 1009, inner4="10.255.9.0/31"))
    for node, target in zip(nodes, ("n2", "n3", "n1"), strict=True):
        node.route("198.18.0.0/15", target)
    nodes[0].carrier.inject(alt_packet("198.18.1.5"))
    assert underlay.carry(limit=100) == 3
    assert nodes[0].carrier.counters.dropped == {("n3", "duplicate"): 1}


def test_a_packet_for_a_tunnel_address_goes_to_the_stack_it_belongs_to() -> None:
    underlay, nodes = chain(2)
    packet = alt_packet("10.255.1.1", b"x" * 20, destination_port=7)
    nodes[0].carrier.backend.send("n2", packet)
    underlay.carry(limit=10)
    assert nodes[1].stack == [("n1", packet)]
    assert nodes[1].carrier.counters.to_stack == 1
    nodes[1].carrier.close("n1")
    nodes[0].carrier.backend.send("n2", packet)
    underlay.carry(limit=10)
    assert nodes[1].carrier.backend.strays() == {"unknown-remote": 1}


def test_a_route_over_a_tunnels_remote_end_is_reported_and_still_harmless() -> None:
    _, nodes = chain(3)
    nodes[1].route("192.0.2.0/28", "n1")
    assert nodes[1].recursions == [["n1", "n3"]]
    nodes[1].route("198.18.0.0/15", "n1")
    nodes[1].route("0.0.0.0/0", "n1")
    assert len(nodes[1].recursions) == 1
    nodes[1].carrier.open(TunnelSpec("n9", "192.0.2.2", "192.0.2.9", inner4="10.255.9.0/31"))
    assert nodes[1].recursions.pop() == ["n9"]
    nodes[1].carrier.change_route(FibChange(EidPrefix.parse("192.0.2.0/28"), None))
    assert len(nodes[1].recursions) == 1


def test_a_hole_is_answered_at_the_node_that_aggregates_it() -> None:
    underlay, nodes = chain(2)
    nodes[0].route("198.18.0.0/15", "n2")
    nodes[1].route("198.18.0.0/21", "local:delegated-hole")
    nodes[0].carrier.inject(alt_packet("198.18.4.1"))
    underlay.carry(limit=10)
    (negative,) = nodes[1].negatives
    assert negative.eid == EidPrefix.parse("198.18.0.0/21")
    assert nodes[1].carrier.counters.negative == 1


def test_a_route_to_a_tunnel_that_is_gone_is_counted_not_raised() -> None:
    _, nodes = chain(2)
    nodes[0].carrier.change_route(FibChange(EidPrefix.parse("198.18.0.0/15"), Via("gone")))
    nodes[0].carrier.inject(alt_packet("198.18.4.1"))
    assert nodes[0].carrier.backend.strays() == {"no-such-tunnel": 1}
