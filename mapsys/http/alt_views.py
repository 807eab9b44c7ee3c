"""The shapes of the ALT's lists, and of a trace."""

from __future__ import annotations

from typing import Any

import msgspec

from mapsys.eid import EidPrefix
from mapsys.http.views import timestamp
from mapsys.query_alt_rows import (
    AltAggregateRow,
    AltDelegationRow,
    AltHopRow,
    AltOperationRow,
    AltPeerRow,
    AltRejectedRow,
    AltRouteRow,
    AltRow,
    AltTraceRow,
    AltTunnelRow,
)
from mapsys.record_view import plain_text


class AltPeerView(msgspec.Struct, frozen=True):
    """One BGP session; ``query_alt_rows.AltPeerRow`` says what the fields mean."""

    instance_id: int
    name: str
    neighbor: str
    role: str
    address: str
    peer_as: int
    router_id: str | None
    state: str
    since: str | None
    why: str | None
    complete: list[str]
    accepted: int
    refused: int
    told: int
    updates: int
    losses: int
    own_level: str
    level: str | None


class AltWithheldView(msgspec.Struct, frozen=True):
    """A neighbour that is not told of a route, and why."""

    peer: str
    reason: str
    why: str


class AltRouteView(msgspec.Struct, frozen=True):
    """One accepted way to an EID-Prefix; peer: null for this node's own."""

    instance_id: int
    eid_prefix: str
    peer: str | None
    role: str
    as_path: list[int]
    next_hop: str
    in_use: bool
    is_backup: bool
    told: list[str]
    withheld: list[AltWithheldView]


class AltAggregateView(msgspec.Struct, frozen=True):
    """One block. components: those that are delegated and known, of ``delegated``."""

    instance_id: int
    eid_prefix: str
    kind: str
    announced: bool
    components: int
    delegated: int
    suppressed: int


class AltDelegationView(msgspec.Struct, frozen=True):
    """One delegation; state: present, absent, moved, not-valid or beyond."""

    instance_id: int
    eid_prefix: str
    level: str
    holder: str
    providers: list[str]
    lineage: list[str]
    valid_from: str | None
    valid_until: str | None
    is_exception: bool
    exceptions: int
    state: str


class AltRejectedView(msgspec.Struct, frozen=True):
    """A route that policy refuses; peer: null for a prefix that is served here."""

    instance_id: int
    eid_prefix: str
    peer: str | None
    reason: str
    why: str
    delegation: str | None
    as_path: list[int]


class AltTunnelView(msgspec.Struct, frozen=True):
    """One tunnel; name: null for what belongs to none. dropped: packets by reason."""

    instance_id: int
    name: str | None
    backend: str
    remote: str | None
    key: int | None
    inner: list[str]
    mtu: int | None
    packets_in: int
    octets_in: int
    packets_out: int
    octets_out: int
    dropped: dict[str, int]


class AltStepView(msgspec.Struct, frozen=True):
    """One step of an operation; state: planned, under-way, done or failed."""

    name: str
    purpose: str
    state: str
    outcome: str


class AltOperationView(msgspec.Struct, frozen=True):
    """An operation; state: as of its steps, or undone, or broken."""

    kind: str
    subject: str
    instance_id: int
    state: str
    outcome: str
    steps: list[AltStepView]


class HopView(msgspec.Struct, frozen=True):
    """One node on the way; what is null was not told.

    does: "via" and a tunnel's name, "answers", or why the way ends there.
    """

    hops: int
    node: str | None
    eid_prefix: str | None
    does: str | None
    address: str | None
    rtt_seconds: float | None


class TraceView(msgspec.Struct, frozen=True):
    """``/api/v1/alt/trace/{eid}``; complete: whether the end of the way was found."""

    eid: str
    instance_id: int
    complete: bool
    hops: list[HopView]


AltView = (
    AltPeerView
    | AltRouteView
    | AltAggregateView
    | AltDelegationView
    | AltRejectedView
    | AltTunnelView
)


def alt_view(row: AltRow) -> AltView:
    """A row of a list."""
    match row:
        case AltPeerRow():
            since = None if row.since is None else timestamp(row.since)
            return AltPeerView(**{**_fields(row), "since": since})
        case AltRouteRow():
            withheld = [AltWithheldView(**_fields(one)) for one in row.withheld]
            return AltRouteView(**{**_with_prefix(row, "prefix"), "withheld": withheld})
        case AltAggregateRow():
            return AltAggregateView(**_with_prefix(row, "block"))
        case AltDelegationRow():
            return AltDelegationView(**_with_prefix(row, "block"))
        case AltRejectedRow():
            delegation = None if row.delegation is None else _text(row.delegation)
            return AltRejectedView(**{**_with_prefix(row, "prefix"), "delegation": delegation})
        case AltTunnelRow():
            return AltTunnelView(**_fields(row))


def operation_view(row: AltOperationRow) -> AltOperationView:
    """An operation."""
    steps = [AltStepView(**_fields(step)) for step in row.steps]
    return AltOperationView(**{**_fields(row), "steps": steps})


def trace_view(row: AltTraceRow) -> TraceView:
    """A trace."""
    eid, _ = EidPrefix.unpack(row.eid)
    return TraceView(
        eid=plain_text(eid).removesuffix(f"/{eid.length}"),
        instance_id=eid.instance_id,
        complete=row.complete,
        hops=[_hop_view(hop) for hop in row.hops],
    )


def _hop_view(row: AltHopRow) -> HopView:
    return HopView(
        hops=row.hops,
        node=row.node,
        eid_prefix=None if row.prefix is None else _text(row.prefix),
        does=row.does,
        address=row.address,
        rtt_seconds=None if row.seconds is None else round(row.seconds, 6),
    )


def _with_prefix(row: msgspec.Struct, name: str) -> dict[str, Any]:
    """The fields of a row, its packed prefix as text."""
    fields = _fields(row)
    text = _text(fields.pop(name))
    return {**fields, "eid_prefix": text}


def _fields(row: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


def _text(packed: bytes) -> str:
    return plain_text(EidPrefix.unpack(packed)[0])
