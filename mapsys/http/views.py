"""The shapes of the API's answers: rows of the query socket made readable.

Times are RFC 3339 in UTC; a field that is None was not known or does not apply.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from mapsys.advice import advice
from mapsys.eid import EidPrefix
from mapsys.hooks.settings import HookState
from mapsys.query_fleet_rows import FleetRow
from mapsys.query_registration_row import RegistrationRow, RegistrationState
from mapsys.query_rows import (
    ListenRow,
    LookupRow,
    PlaceRow,
    RefusalRow,
    SiteEidRow,
    SiteRow,
    StatusRow,
)
from mapsys.record_view import LocatorView, RecordView, plain_text, read_record_view
from mapsys.wire.auth import ALGORITHMS

ALGORITHM_NAMES: Final = {number: known.name for number, known in ALGORITHMS.items()}
"""By Algorithm-ID (RFC 9301, 12.5); the words of the configuration."""


class HookView(msgspec.Struct, frozen=True):
    """Somebody who is told of moves; ``problem`` is of the last attempt, null after a success."""

    url: str
    delivered: int
    failed: int
    given_up: int
    gaps: int
    last_delivered_at: str | None
    problem: str | None


class FleetMemberView(msgspec.Struct, frozen=True):
    """A node of a fleet. live: whether it left word just now; last_word_at: by its own clock."""

    name: str
    version: str
    live: bool
    last_word_at: str
    registrations: int


class FleetView(msgspec.Struct, frozen=True):
    """The fleet as this node sees it. degraded: whether its engine cannot be used; problem: why.

    since: when that began, or ended. outbox: records that the engine has yet to hear.
    """

    degraded: bool
    problem: str | None
    since: str
    lag_seconds: float
    outbox: int
    members: list[FleetMemberView]


class StatusView(msgspec.Struct, frozen=True):
    """``/api/v1/status``."""

    node: str
    version: str
    engine: str
    engine_reason: str
    ready: bool
    not_ready: list[str]
    degraded: list[str]
    capabilities: list[str]
    roles: list[str]
    started_at: str
    uptime_seconds: int
    sites: int
    registrations: int
    journal_writing: bool
    config_hash: str
    last_reload_at: str
    failed_reloads: int
    listen: list[ListenRow]
    unconfirmed_seconds: int | None
    hooks: list[HookView]
    fleet: FleetView | None


class SiteEidView(msgspec.Struct, frozen=True):
    """A configured EID-Prefix; ``registered`` counts the registered prefixes inside it."""

    eid_prefix: str
    instance_id: int
    accept_more_specifics: bool
    registered: int
    counted_in_full: bool


class RefusalView(msgspec.Struct, frozen=True):
    """The last Map-Register of a site that was refused or dropped, why, and what to do."""

    at: str
    source: str
    eid_prefix: str | None
    instance_id: int | None
    reason: str
    detail: str
    what_to_do: str


class SiteView(msgspec.Struct, frozen=True):
    """A site. state: "registered", "partial" or "unregistered".

    xtrs: how many have a registration. accepted_per_minute, refused_per_minute: of the
    last 60 minutes, the present one last; empty where all are 0. origin: "file" or
    "database"; stands_at: in a file.
    """

    name: str
    state: str
    eids: list[SiteEidView]
    key_ids: list[int]
    last_accepted_at: str | None
    accepted: int
    refused: int
    last_refusal: RefusalView | None
    xtrs: int
    accepted_per_minute: list[int]
    refused_per_minute: list[int]
    place: PlaceRow | None
    origin: str
    stands_at: str | None


class SiteDetailView(SiteView, frozen=True):
    """``/api/v1/sites/{name}``. configuration: of one of the database, ``***`` for secrets."""

    configuration: dict[str, Any] | None


class RegistrationView(msgspec.Struct, frozen=True):
    """One registrant's contribution to a mapping. state: registered, late, former or static."""

    eid_prefix: str
    instance_id: int
    site: str
    source: str
    registrant: str
    xtr_id: str | None
    site_id: str | None
    key_id: int
    algorithm: str
    state: RegistrationState
    flags: list[str]
    record_ttl_minutes: int | None
    map_version: int
    action: str | None
    first_seen: str
    last_seen: str
    expires_at: str
    locators: list[LocatorView]


class LookupView(msgspec.Struct, frozen=True):
    """``/api/v1/lookup/{eid}``: what a Map-Request for the EID meets, and why."""

    eid: str
    instance_id: int
    outcome: str
    why: str
    site: str | None
    eid_prefix: str | None
    record: RecordView | None
    registrations: list[RegistrationView]


class ConfigView(msgspec.Struct, frozen=True):
    """``/api/v1/config``: what is in effect, defaults included, in the words of the file.

    sites: how many there are; ``/api/v1/sites`` has them. settings: by section.
    warnings: what ``mapsys check`` warns of, at most 100.
    """

    config_hash: str
    sites: int
    settings: dict[str, Any]
    warnings: list[str]


def status_view(row: StatusRow, hooks: dict[str, HookState], unix_now: float) -> StatusView:
    """The daemon's status; hooks: by URL."""
    return StatusView(
        node=row.node,
        version=row.version,
        engine=row.engine,
        engine_reason=row.engine_reason,
        ready=not row.not_ready,
        not_ready=row.not_ready,
        degraded=row.degraded,
        capabilities=row.capabilities,
        roles=row.roles,
        started_at=timestamp(row.started_at),
        uptime_seconds=max(0, int(unix_now - row.started_at)),
        sites=row.sites,
        registrations=row.registrations,
        journal_writing=row.journal_writing,
        config_hash=row.config_hash,
        last_reload_at=timestamp(row.last_reload_at),
        failed_reloads=row.failed_reloads,
        listen=row.listen,
        unconfirmed_seconds=row.unconfirmed_seconds,
        hooks=[_hook_view(url, state) for url, state in hooks.items()],
        fleet=None if row.fleet is None else _fleet_view(row.fleet),
    )


def _fleet_view(row: FleetRow) -> FleetView:
    return FleetView(
        degraded=row.problem is not None,
        problem=row.problem,
        since=timestamp(row.since),
        lag_seconds=row.lag_seconds,
        outbox=row.outbox,
        members=[
            FleetMemberView(one.name, one.version, one.live, timestamp(one.at), one.registrations)
            for one in row.members
        ],
    )


def _hook_view(url: str, state: HookState) -> HookView:
    at = state.last_delivered_at
    return HookView(
        url=url,
        delivered=state.delivered,
        failed=state.failed,
        given_up=state.given_up,
        gaps=state.gaps,
        last_delivered_at=None if at is None else timestamp(at),
        problem=state.problem,
    )


def site_view(row: SiteRow) -> SiteView:
    """One site."""
    eids = [_site_eid_view(one) for one in row.eids]
    registered = sum(1 for one in eids if one.registered)
    return SiteView(
        name=row.name,
        state="unregistered"
        if not registered
        else "registered"
        if registered == len(eids)
        else "partial",
        eids=eids,
        key_ids=row.key_ids,
        last_accepted_at=None if row.last_accepted_at is None else timestamp(row.last_accepted_at),
        accepted=row.accepted,
        refused=row.refused,
        last_refusal=None if row.last_refusal is None else _refusal_view(row.last_refusal),
        xtrs=row.xtrs,
        accepted_per_minute=row.accepted_per_minute,
        refused_per_minute=row.refused_per_minute,
        place=row.place,
        origin="database" if row.stands_at is None else "file",
        stands_at=row.stands_at or None,
    )


def site_detail_view(row: SiteRow) -> SiteDetailView:
    """One site with its configuration."""
    configuration = None if row.document is None else msgspec.json.decode(row.document)
    return SiteDetailView(**msgspec.structs.asdict(site_view(row)), configuration=configuration)


def registration_view(row: RegistrationRow) -> RegistrationView:
    """One registration. Raises WireError where its record is damaged."""
    prefix, _ = EidPrefix.unpack(row.eid)
    record = read_record_view(row.record)
    return RegistrationView(
        eid_prefix=plain_text(prefix),
        instance_id=prefix.instance_id,
        site=row.site,
        source=row.source,
        registrant=row.registrant.hex(),
        xtr_id=None if row.xtr_id is None else row.xtr_id.hex(),
        site_id=None if row.site_id is None else row.site_id.hex(),
        key_id=row.key_id,
        algorithm=ALGORITHM_NAMES.get(row.algorithm_id, str(row.algorithm_id)),
        state=row.state,
        flags=row.flags,
        record_ttl_minutes=record.record_ttl_minutes,
        map_version=record.map_version,
        action=record.action,
        first_seen=timestamp(row.first_seen),
        last_seen=timestamp(row.last_seen),
        expires_at=timestamp(row.expires_at),
        locators=record.locators,
    )


def lookup_view(row: LookupRow) -> LookupView:
    """What an EID meets. Raises WireError where a record is damaged."""
    eid, _ = EidPrefix.unpack(row.eid)
    return LookupView(
        eid=plain_text(eid),
        instance_id=eid.instance_id,
        outcome=row.outcome,
        why=row.why,
        site=row.site,
        eid_prefix=None if row.prefix is None else plain_text(EidPrefix.unpack(row.prefix)[0]),
        record=None if row.record is None else read_record_view(row.record),
        registrations=[registration_view(one) for one in row.registrations],
    )


def timestamp(unix_seconds: float) -> str:
    """RFC 3339 in UTC, to the second."""
    moment = datetime.fromtimestamp(int(unix_seconds), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _site_eid_view(row: SiteEidRow) -> SiteEidView:
    prefix, _ = EidPrefix.unpack(row.prefix)
    return SiteEidView(
        eid_prefix=plain_text(prefix),
        instance_id=prefix.instance_id,
        accept_more_specifics=row.accept_more_specifics,
        registered=row.registered,
        counted_in_full=row.counted_in_full,
    )


def _refusal_view(row: RefusalRow) -> RefusalView:
    prefix = None if row.eid is None else EidPrefix.unpack(row.eid)[0]
    return RefusalView(
        at=timestamp(row.at),
        source=row.source,
        eid_prefix=None if prefix is None else plain_text(prefix),
        instance_id=None if prefix is None else prefix.instance_id,
        reason=row.reason,
        detail=row.detail,
        what_to_do=advice(row.reason),
    )
