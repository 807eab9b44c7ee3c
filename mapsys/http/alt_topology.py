"""``/api/v1/alt/topology``: this node and its neighbours as nodes and edges, from live sessions."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from mapsys.http import parameters
from mapsys.http.alt_views import AltAggregateView, AltPeerView, alt_view
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.problem import Problem, ProblemError
from mapsys.query_alt import NO_ALT
from mapsys.query_alt_rows import AltList, AltPage, AltQuestion
from mapsys.query_client import QueryDeclined
from mapsys.query_rows import StatusQuestion, StatusRow

View = TypeVar("View", bound=msgspec.Struct)


class NodeView(msgspec.Struct, frozen=True):
    """A node. is_self: this one; of the others only what their sessions tell is known."""

    name: str
    is_self: bool
    router_id: str | None
    peer_as: int | None


class EdgeView(msgspec.Struct, frozen=True):
    """A tunnel with its session, from this node to a neighbour.

    role: the neighbour's, as seen from here: parent, backup, child, peer or sibling.
    target_level: null where nothing tells it. state: up, down or held-off. accepted,
    refused, told: routes.
    """

    instance_id: int
    tunnel: str
    source: str
    target: str
    role: str
    source_level: str
    target_level: str | None
    state: str
    since: str | None
    why: str | None
    accepted: int
    refused: int
    told: int


class TopologyView(msgspec.Struct, frozen=True):
    """The ALT around this node. suppressed: more-specifics that the aggregates stand for."""

    nodes: list[NodeView]
    edges: list[EdgeView]
    aggregates: list[AltAggregateView]
    aggregates_up: int
    aggregates_down: int
    suppressed: int


async def topology(request: web.Request) -> web.Response:
    """Nodes, edges, and what this node announces."""
    status = await request.app[QUERY_CLIENT].ask(StatusQuestion(), StatusRow)
    peers = await _all(request, "peers", AltPeerView)
    aggregates = await _all(request, "aggregates", AltAggregateView)
    # A node may be a neighbour in several instances, or by several tunnels.
    neighbours = {peer.neighbor: peer for peer in peers if peer.neighbor != status.node}
    up = sum(one.announced for one in aggregates)
    return json_response(
        TopologyView(
            nodes=[
                NodeView(status.node, True, None, None),
                *(
                    NodeView(name, False, peer.router_id, peer.peer_as)
                    for name, peer in sorted(neighbours.items())
                ),
            ],
            edges=[_edge(peer, status.node) for peer in peers],
            aggregates=aggregates,
            aggregates_up=up,
            aggregates_down=len(aggregates) - up,
            suppressed=sum(one.suppressed for one in aggregates),
        )
    )


def _edge(peer: AltPeerView, node: str) -> EdgeView:
    return EdgeView(
        instance_id=peer.instance_id,
        tunnel=peer.name,
        source=node,
        target=peer.neighbor,
        role=peer.role,
        source_level=peer.own_level,
        target_level=peer.level,
        state=peer.state,
        since=peer.since,
        why=peer.why,
        accepted=peer.accepted,
        refused=peer.refused,
        told=peer.told,
    )


async def _all(request: web.Request, what: AltList, shape: type[View]) -> list[View]:
    question = AltQuestion(what, instance_id=parameters.instance_id(request.query))
    found: list[View] = []
    while True:
        try:
            page = await request.app[QUERY_CLIENT].ask(question, AltPage)
        except QueryDeclined as declined:
            if declined.reason == NO_ALT:
                raise ProblemError(Problem.NO_ALT, str(declined)) from declined
            raise
        found += [view for view in map(alt_view, page.rows) if isinstance(view, shape)]
        if page.next is None:
            return found
        question = msgspec.structs.replace(question, cursor=page.next)
