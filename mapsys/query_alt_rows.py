"""What may be asked about the ALT over the local query socket (see ``query_rows``).

Part of ``query_rows``, in a file of its own.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from mapsys.query_requester import Requester

AltList = Literal["peers", "routes", "aggregates", "delegations", "rejected", "tunnels"]
"""The lists that there are of an ALT."""

AltOrderKind = Literal["rehome", "switch-provider"]

ALT_LISTS: Final[tuple[AltList, ...]] = get_args(AltList)


class AltQuestion(msgspec.Struct, frozen=True, tag="alt"):
    """A list of one ALT instance or, with ``instance_id`` None, of all of them.

    cursor: as answered in ``AltPage.next``. around: of the routes, those that cover
    this EID (packed), longest first, in one page. Declined with "no-alt" where there is none.
    """

    what: AltList
    limit: int = 100
    cursor: bytes | None = None
    instance_id: int | None = None
    around: bytes | None = None


class AltTraceQuestion(msgspec.Struct, frozen=True, tag="alt-trace"):
    """Which way do Map-Requests for this EID (packed) take?"""

    eid: bytes


class AltOrder(msgspec.Struct, frozen=True, tag="alt-order"):
    """Begin a planned operation, or with ``dry_run`` say what it would do.

    kind: "rehome" of two tunnels (the present one, the new one), or
    "switch-provider" of one site. eid: to probe with (packed); None lets the node
    choose. wait_seconds: for each thing that others have to do. Declined with "no-alt"
    or "order-refused".
    """

    kind: AltOrderKind
    names: list[str]
    instance_id: int
    eid: bytes | None
    wait_seconds: int
    dry_run: bool
    by: Requester


class AltOperationQuestion(msgspec.Struct, frozen=True, tag="alt-operation"):
    """How does the last operation stand? Declined with "no-operation" where there was none."""


class AltStepRow(msgspec.Struct, frozen=True):
    """One step. state: "planned", "under-way", "done" or "failed". outcome: what was found."""

    name: str
    purpose: str
    state: str
    outcome: str


class AltOperationRow(msgspec.Struct, frozen=True, tag="alt-operation"):
    """An operation. state: as of its steps, or "undone", or "broken" where that failed too."""

    kind: str
    subject: str
    instance_id: int
    state: str
    outcome: str
    steps: list[AltStepRow]


class AltPeerRow(msgspec.Struct, frozen=True, tag="peer"):
    """One BGP session.

    state: "up", "down" or "held-off". since: of the state, in Unix time; None before
    the first session. level, own_level: the neighbour's and this node's; None where
    neither delegations nor the role tell the neighbour's. complete: families whose
    End-of-RIB has come. accepted, refused: its routes. told: routes it has been told.
    updates: UPDATEs received since the start. why: of the last end.
    """

    instance_id: int
    name: str
    neighbor: str
    role: str
    address: str
    peer_as: int
    router_id: str | None
    state: str
    since: float | None
    why: str | None
    complete: list[str]
    accepted: int
    refused: int
    told: int
    updates: int
    losses: int
    own_level: str
    level: str | None


class AltWithheldRow(msgspec.Struct, frozen=True):
    """A neighbour that is not told of a route; reason, why: a word and its sentence."""

    peer: str
    reason: str
    why: str


class AltRouteRow(msgspec.Struct, frozen=True, tag="route"):
    """One accepted way to a prefix (packed).

    peer: the tunnel it came through; None for this node's own. told, withheld: of
    the neighbours whose sessions are up; only for the route in use.
    """

    instance_id: int
    prefix: bytes
    peer: str | None
    role: str
    as_path: list[int]
    next_hop: str
    in_use: bool
    is_backup: bool
    told: list[str]
    withheld: list[AltWithheldRow]


class AltAggregateRow(msgspec.Struct, frozen=True, tag="aggregate"):
    """One block that this node announces, or would while its primary is gone.

    kind: "own" or "backup". components: those that are delegated and known now, of
    ``delegated``. suppressed: more-specific routes that it stands for.
    """

    instance_id: int
    block: bytes
    kind: str
    announced: bool
    components: int
    delegated: int
    suppressed: int


class AltDelegationRow(msgspec.Struct, frozen=True, tag="delegation"):
    """One delegation, and how it stands.

    state: "present", "absent", "moved", "not-valid", or "beyond" where it is no
    component of an aggregate of this node.
    """

    instance_id: int
    block: bytes
    level: str
    holder: str
    providers: list[str]
    lineage: list[str]
    valid_from: str | None
    valid_until: str | None
    is_exception: bool
    exceptions: int
    state: str


class AltRejectedRow(msgspec.Struct, frozen=True, tag="rejected"):
    """A route that policy refuses; reason, why: a word and its sentence.

    peer: None for a prefix that the Map-Server here serves. delegation: the block of
    the delegation that decided (packed).
    """

    instance_id: int
    prefix: bytes
    peer: str | None
    reason: str
    why: str
    delegation: bytes | None
    as_path: list[int]


class AltTunnelRow(msgspec.Struct, frozen=True, tag="tunnel"):
    """One tunnel since it was opened; octets are the inner packets'.

    name: None for what belongs to no tunnel. dropped: by reason, in the tunnel and
    where its packets were forwarded.
    """

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


AltRow = (
    AltPeerRow | AltRouteRow | AltAggregateRow | AltDelegationRow | AltRejectedRow | AltTunnelRow
)


class AltPage(msgspec.Struct, frozen=True, tag="alt-page"):
    """Rows of the kind asked for. ``next`` is None at the end; a page may be short or long."""

    rows: list[AltRow]
    next: bytes | None


class AltHopRow(msgspec.Struct, frozen=True):
    """One node on the way.

    node: its name; None where it did not answer. prefix: the matching one (packed).
    does: "via" and a tunnel's name, why the way ends there, or "answers" with a
    Map-Reply. address: where the answer came from; None for this node itself.
    """

    hops: int
    node: str | None
    prefix: bytes | None
    does: str | None
    address: str | None
    seconds: float | None


class AltTraceRow(msgspec.Struct, frozen=True, tag="alt-trace"):
    """The way of Map-Requests for an EID, hop by hop.

    complete: whether its end was found.
    """

    eid: bytes
    hops: list[AltHopRow]
    complete: bool
