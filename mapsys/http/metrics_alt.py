"""The ALT's metric families, from the rows that the status interface shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from prometheus_client.core import Metric

from mapsys.http.metrics_fill import samples
from mapsys.query_alt_rows import (
    AltAggregateRow,
    AltList,
    AltPage,
    AltPeerRow,
    AltQuestion,
    AltRow,
    AltTunnelRow,
)
from mapsys.query_client import QueryClient, QueryDeclined

PEER_STATES: Final = ("up", "down", "held-off")
ROWS_LIMIT: Final = 500


class AltRows(msgspec.Struct, frozen=True):
    """What one scrape asks for."""

    peers: list[AltPeerRow]
    aggregates: list[AltAggregateRow]
    tunnels: list[AltTunnelRow]


async def alt_rows(client: QueryClient) -> AltRows:
    """The rows behind the families; none where the ALT has just been switched off."""
    return AltRows(
        [row for row in await _all(client, "peers") if isinstance(row, AltPeerRow)],
        [row for row in await _all(client, "aggregates") if isinstance(row, AltAggregateRow)],
        [row for row in await _all(client, "tunnels") if isinstance(row, AltTunnelRow)],
    )


async def _all(client: QueryClient, what: AltList) -> Sequence[AltRow]:
    rows: list[AltRow] = []
    question = AltQuestion(what, ROWS_LIMIT)
    while True:
        try:
            page = await client.ask(question, AltPage)
        except QueryDeclined:
            return rows
        rows += page.rows
        if page.next is None:
            return rows
        question = msgspec.structs.replace(question, cursor=page.next)


def alt_families(rows: AltRows) -> Iterator[Metric]:
    """Every family of the ALT."""
    yield from _of_peers(rows.peers)
    yield from _of_aggregates(rows.aggregates)
    yield from _of_tunnels(rows.tunnels)


def _of_peers(peers: Sequence[AltPeerRow]) -> Iterator[Metric]:
    named = [((str(peer.instance_id), peer.name), peer) for peer in peers]
    yield samples(
        "bgp_peer_state",
        [
            ((*labels, state), peer.state == state)
            for labels, peer in named
            for state in PEER_STATES
        ],
    )
    yield samples(
        "bgp_routes_received",
        [
            ((*labels, verdict), count)
            for labels, peer in named
            for verdict, count in (("accepted", peer.accepted), ("refused", peer.refused))
        ],
    )
    yield samples("bgp_routes_told", [(labels, peer.told) for labels, peer in named])
    yield samples("bgp_updates_received", [(labels, peer.updates) for labels, peer in named])
    yield samples("bgp_sessions_lost", [(labels, peer.losses) for labels, peer in named])


def _of_aggregates(aggregates: Sequence[AltAggregateRow]) -> Iterator[Metric]:
    counts: Counter[tuple[str, str, str]] = Counter()
    suppressed: Counter[tuple[str]] = Counter()
    for row in aggregates:
        instance_id = str(row.instance_id)
        for state, is_so in (("announced", row.announced), ("withdrawn", not row.announced)):
            counts[instance_id, row.kind, state] += is_so
        suppressed[(instance_id,)] += row.suppressed if row.announced else 0
    yield samples("alt_aggregates", counts.items())
    yield samples("alt_suppressed_more_specifics", suppressed.items())


def _of_tunnels(tunnels: Sequence[AltTunnelRow]) -> Iterator[Metric]:
    named = [((str(row.instance_id), row.name), row) for row in tunnels if row.name is not None]
    yield samples(
        "alt_tunnel_packets",
        [
            ((*labels, direction), count)
            for labels, row in named
            for direction, count in (("in", row.packets_in), ("out", row.packets_out))
        ],
    )
    yield samples(
        "alt_tunnel_bytes",
        [
            ((*labels, direction), count)
            for labels, row in named
            for direction, count in (("in", row.octets_in), ("out", row.octets_out))
        ],
    )
    yield samples(
        "alt_packets_dropped",
        [
            ((str(row.instance_id), row.name or "none", reason), count)
            for row in tunnels
            for reason, count in sorted(row.dropped.items())
        ],
    )
