"""The shapes of explanations and histories."""

from __future__ import annotations

import msgspec

from mapsys.core.details import describe_registrant
from mapsys.eid import EidPrefix
from mapsys.http.alt_views import AltRouteView
from mapsys.http.views import RegistrationView, registration_view, timestamp
from mapsys.query_explain_rows import ExplainRow, HistoryRow, MoverRow
from mapsys.query_rows import LookupRow
from mapsys.record_view import RecordView, plain_text, read_record_view


class ReasonView(msgspec.Struct, frozen=True):
    """One sentence. topic: a word such as site, policy, key or answer."""

    topic: str
    text: str


class MoverView(msgspec.Struct, frozen=True):
    """An xTR by its xTR-ID or else its address, and the address it signed from."""

    registrant: str
    host: str


class MoveView(msgspec.Struct, frozen=True):
    """One move of an EID-Prefix. merge_conflict: those before had asked to be merged."""

    at: str
    eid_prefix: str
    instance_id: int
    site: str
    previous: list[MoverView]
    to: MoverView
    merge_conflict: bool


class ExplainView(msgspec.Struct, frozen=True):
    """``/api/v1/explain/{eid}``: what a Map-Request for the EID meets, and all that decides.

    rule: the configured EID-Prefix that says whose it is. etr: whom it would be
    passed on to. answer: what the Map-Reply would hold. alt_routes: those of the ALT in
    use here around the EID, longest first, each with its neighbour.
    """

    eid: str
    instance_id: int
    outcome: str
    why: str
    site: str | None
    rule: str | None
    etr: str | None
    answer: list[RecordView]
    registrations: list[RegistrationView]
    reasons: list[ReasonView]
    moves: list[MoveView]
    alt_routes: list[AltRouteView]


class HistoryView(msgspec.Struct, frozen=True):
    """What happened to an EID-Prefix.

    what: registered, joined, changed, moved, withdrawn, expired, removed or late.
    by: the xTR that did it, or whose registration ended. previous: the xTRs that it
    came from. merge_conflict: they had asked to be merged.
    """

    at: str
    what: str
    eid_prefix: str
    instance_id: int
    site: str
    by: MoverView
    key_id: int
    previous: list[MoverView]
    merge_conflict: bool


def explain_view(found: LookupRow, row: ExplainRow, alt_routes: list[AltRouteView]) -> ExplainView:
    """An explanation. Raises WireError where a record is damaged."""
    eid, _ = EidPrefix.unpack(found.eid)
    return ExplainView(
        eid=plain_text(eid),
        instance_id=eid.instance_id,
        outcome=found.outcome,
        why=found.why,
        site=found.site,
        rule=None if row.rule is None else plain_text(EidPrefix.unpack(row.rule)[0]),
        etr=row.etr,
        answer=[read_record_view(octets) for octets in row.records],
        registrations=[registration_view(one) for one in found.registrations],
        reasons=[ReasonView(reason.topic, reason.text) for reason in row.reasons],
        moves=[_move_view(move) for move in row.moves],
        alt_routes=alt_routes,
    )


def history_view(row: HistoryRow) -> HistoryView:
    """One entry of the history."""
    eid, _ = EidPrefix.unpack(row.eid)
    return HistoryView(
        at=timestamp(row.at),
        what=row.what,
        eid_prefix=plain_text(eid),
        instance_id=eid.instance_id,
        site=row.site,
        by=mover_view(row.by),
        key_id=row.key_id,
        previous=[mover_view(mover) for mover in row.previous],
        merge_conflict=row.merge_conflict,
    )


def mover_view(row: MoverRow) -> MoverView:
    """An xTR, readable."""
    return MoverView(describe_registrant(row.registrant), row.host)


def _move_view(row: HistoryRow) -> MoveView:
    eid, _ = EidPrefix.unpack(row.eid)
    return MoveView(
        at=timestamp(row.at),
        eid_prefix=plain_text(eid),
        instance_id=eid.instance_id,
        site=row.site,
        previous=[mover_view(mover) for mover in row.previous],
        to=mover_view(row.by),
        merge_conflict=row.merge_conflict,
    )
