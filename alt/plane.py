"""The ALT's data plane of one instance-ID: inner packets in, effects out.

Between ``tunnel`` (GRE) and the Map-Server: passes on Map-Requests by EID, hands
over those that end here, answers holes. It holds no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Final

from alt.effects import Via
from alt.fib import Fib
from alt.negative import HOLE_ANSWERS, first_reachable, negative_map_reply
from alt.plane_datagram import (
    AltDatagram,
    destination_of,
    one_hop_further,
    read_datagram,
    udp_checksum_good,
)
from alt.plane_effects import (
    Deliver,
    DropCounted,
    Forward,
    PlaneEffect,
    SendNegative,
    ToStack,
)
from alt.plane_question import read_question
from alt.plane_reasons import PlaneDrop
from alt.plane_recent import RecentRequests
from alt.plane_trace import NO_ROUTE, VIA, Hop, hop_report, traces
from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Rate, TokenBuckets
from mapsys.core.questions import AltHole
from mapsys.eid import EidPrefix
from mapsys.wire.cursor import Reader
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.map_request import MapRequest
from mapsys.wire.records import Action

BOTH_VERSIONS: Final = frozenset({4, 6})


TUNNEL_RATE: Final = Rate(20_000, 40_000)
ITR_RATE: Final = Rate(1_000, 2_000)
NEGATIVE_RATE: Final = Rate(100, 200)


@dataclass(frozen=True, slots=True)
class PlaneLimits:
    """Budgets for what the ALT carries; a None switches one off.

    per_tunnel: packets taken from one neighbour. per_itr: Map-Requests of one
    RLOC, since RFC 6836, 4.1 wants them limited hard where they enter.
    negatives_per_destination: Negative Map-Replies to one RLOC, which the
    request names and anybody can write there.
    """

    per_tunnel: Rate | None = TUNNEL_RATE
    per_itr: Rate | None = ITR_RATE
    negatives_per_destination: Rate | None = NEGATIVE_RATE

    @classmethod
    def off(cls) -> PlaneLimits:
        """No limit at all: for tests and measurements."""
        return cls(None, None, None)


class AltPlane:
    """Decides about one inner packet at a time.

    may_deny: whether the routes around a host EID-Prefix are complete, so that a
    hole is one: an aggregator that has not yet heard End-of-RIB from everybody
    keeps silent instead (RFC 4724, 2).
    underlay_versions: the IP versions that Negative Map-Replies can leave by.
    node: this node's name, for who traces.
    """

    def __init__(
        self,
        instance_id: int,
        fib: Fib,
        may_deny: Callable[[EidPrefix], bool],
        limits: PlaneLimits | None = None,
        underlay_versions: frozenset[int] = BOTH_VERSIONS,
        *,
        node: str = "",
    ) -> None:
        limits = PlaneLimits() if limits is None else limits
        self._instance_id = instance_id
        self._fib = fib
        self._may_deny = may_deny
        self._underlay_versions = underlay_versions
        self._node = node
        self._own: frozenset[bytes] = frozenset()
        self._recent = RecentRequests()
        self._tunnel_budget = TokenBuckets(limits.per_tunnel)
        self._itr_budget = TokenBuckets(limits.per_itr)
        self._negative_budget = TokenBuckets(limits.negatives_per_destination)

    def own_addresses(self, addresses: Iterable[bytes]) -> None:
        """Be told the packed inner addresses of all tunnels: the stack's, not the ALT's."""
        self._own = frozenset(addresses)

    def hop(self, destination: bytes) -> Hop:
        """What this node does with Map-Requests for a packed EID."""
        entry = self._fib.longest_match(destination)
        if entry is None:
            return Hop(self._node, self._fib.host(destination), NO_ROUTE)
        prefix, target = entry
        does = f"{VIA}{target.tunnel}" if isinstance(target, Via) else target.kind
        return Hop(self._node, prefix, does)

    def packet(self, tunnel: str, packet: bytes, now: float) -> list[PlaneEffect]:
        """Deal with an inner packet that came through a tunnel.

        now: seconds on the caller's monotonic clock.
        Returns at least one effect; nothing is raised for what a packet holds.

        Source: RFC 6836, 3, 4.1 and 5.
        """
        if destination_of(packet) in self._own:
            return [ToStack(tunnel, packet)]
        try:
            return [self._take(tunnel, packet, now)]
        except (PlaneDrop, WireError) as error:
            return [DropCounted(tunnel, error.reason)]

    def inject(self, packet: bytes, now: float) -> list[PlaneEffect]:
        """Put a Map-Request of this node's own Map-Resolver onto the ALT.

        packet: the whole IP datagram, an RLOC of the ITR to the EID. Its hop limit
        stays: the first hop to count is the neighbour. Limits are the
        Map-Resolver's; a copy that comes back is recognised.
        """
        try:
            datagram = read_datagram(packet)
            self._recent.is_new(datagram.request + datagram.destination, now)
            return [self._route(None, datagram, now)]
        except (PlaneDrop, WireError) as error:
            return [DropCounted(None, error.reason)]

    def _take(self, tunnel: str, packet: bytes, now: float) -> PlaneEffect:
        if not self._tunnel_budget.take(tunnel, now):
            raise PlaneDrop("tunnel-limit")
        datagram = read_datagram(packet)
        if not self._recent.is_new(datagram.request + datagram.destination, now):
            raise PlaneDrop("duplicate")
        if not self._itr_budget.take(datagram.source, now):
            raise PlaneDrop("itr-limit")
        if traces(datagram):
            return self._report(datagram, now)
        return self._route(tunnel, datagram, now)

    def _route(self, tunnel: str | None, datagram: AltDatagram, now: float) -> PlaneEffect:
        """tunnel: where it came from, and must not return to."""
        entry = self._fib.longest_match(datagram.destination)
        if entry is None:
            raise PlaneDrop("no-route")
        prefix, target = entry
        if isinstance(target, Via):
            return _forward(tunnel, target, datagram)
        if target.kind == "moved-hole":
            return _forward(tunnel, self._way_up(prefix), datagram)
        self._check_question(datagram)
        eid = self._fib.host(datagram.destination)
        if target.kind == "site":
            return _deliver(tunnel, datagram, eid)
        if not self._may_deny(eid):
            raise PlaneDrop("premature-negative")
        hole = AltHole(self._fib.hole(eid, within=prefix), *HOLE_ANSWERS[target.kind])
        if datagram.is_ecm:
            return _deliver(tunnel, datagram, eid, hole)
        return self._negative(datagram, hole, now)

    def _way_up(self, prefix: EidPrefix) -> Via:
        up = self._fib.way_up(prefix)
        if up is None:
            raise PlaneDrop("no-way-up")
        return up

    def _check_question(self, datagram: AltDatagram) -> None:
        """Raises PlaneDrop, WireError where it asks for something else than it was sent to."""
        if not udp_checksum_good(datagram):
            raise PlaneDrop("bad-checksum")
        payload = datagram.payload
        question = read_question(Ecm.read(Reader(payload)).payload if datagram.is_ecm else payload)
        if question.instance_id != self._instance_id:
            raise PlaneDrop("wrong-instance")
        if not question.covers(datagram.destination):
            raise PlaneDrop("wrong-eid")

    def _negative(self, datagram: AltDatagram, hole: AltHole, now: float) -> SendNegative:
        request = MapRequest.read(Reader(datagram.payload))
        destination = self._destination(request, datagram, now)
        return SendNegative(
            negative_map_reply(request, hole), destination, hole.prefix, hole.action
        )

    def _report(self, datagram: AltDatagram, now: float) -> SendNegative:
        self._check_question(datagram)
        request = MapRequest.read(Reader(datagram.payload))
        destination = self._destination(request, datagram, now)
        hop = self.hop(datagram.destination)
        return SendNegative(
            hop_report(request.nonce, hop), destination, hop.prefix, Action.NO_ACTION
        )

    def _destination(self, request: MapRequest, datagram: AltDatagram, now: float) -> Endpoint:
        """Where a negative answer goes. Raises PlaneDrop."""
        host = first_reachable(request.itr_rlocs, self._underlay_versions)
        if host is None or datagram.source_port == 0:
            raise PlaneDrop("no-itr-rloc")
        if not self._negative_budget.take(host, now):
            raise PlaneDrop("negative-limit")
        return Endpoint(host, datagram.source_port)


def _deliver(
    tunnel: str | None, datagram: AltDatagram, eid: EidPrefix, hole: AltHole | None = None
) -> Deliver:
    source = datagram.source
    host = inet_ntop(AF_INET if len(source) == 4 else AF_INET6, source)
    asker = Endpoint(host, datagram.source_port)
    return Deliver(datagram.payload, asker, eid, tunnel, datagram.packet, hole)


def _forward(tunnel: str | None, via: Via, datagram: AltDatagram) -> Forward:
    if via.tunnel == tunnel:
        raise PlaneDrop("returned")
    if tunnel is None:
        return Forward(via.tunnel, datagram.packet)
    if datagram.hop_limit <= 1:
        raise PlaneDrop("hop-limit")
    return Forward(via.tunnel, one_hop_further(datagram.packet))
