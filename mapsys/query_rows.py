"""What may be asked over the local query socket, and what is answered: typed structs.

EID-Prefixes and EID-Records travel packed (``EidPrefix.pack``, wire octets): the
daemon does not spend its time on turning them into text. Times are Unix seconds.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from mapsys.query_alt_rows import (
    AltOperationQuestion,
    AltOperationRow,
    AltOrder,
    AltPage,
    AltQuestion,
    AltTraceQuestion,
    AltTraceRow,
)
from mapsys.query_config_rows import ConfigQuestion, ConfigRow
from mapsys.query_events_rows import ChangesPage, ChangesQuestion, EventsPage, EventsQuestion
from mapsys.query_explain_rows import ExplainQuestion, ExplainRow, HistoryPage, HistoryQuestion
from mapsys.query_feeds_rows import (
    PitrPrefixesPage,
    PitrPrefixesQuestion,
    SubscriptionsPage,
    SubscriptionsQuestion,
)
from mapsys.query_fleet_rows import FleetRow
from mapsys.query_keys_rows import ForgetNonce, KeysPage, KeysQuestion, NonceForgotten
from mapsys.query_life_rows import ReloadOrder, ReloadRow, StopOrder, StopRow
from mapsys.query_measures_rows import (
    MeasuresQuestion,
    MeasuresRow,
    PollerQuestion,
    PollerRow,
    SiteStatesPage,
    SiteStatesQuestion,
)
from mapsys.query_registration_row import RegistrationRow, RegistrationState
from mapsys.query_review_rows import ReviewPage, ReviewQuestion
from mapsys.query_sites_rows import KeyOrder, SiteOrder, SiteWritten

PAGE_ROWS_LIMIT: Final = 500
"""Rows in one page at most, whatever was asked for."""

STARTING: Final = "starting"
"""Why everything is declined until the daemon has read its state."""

Match = Literal["exact", "longest", "covered", "covering"]
"""How a prefix filter compares; the words are those of the store's verbs."""

MATCHES: Final[tuple[Match, ...]] = get_args(Match)


class StatusQuestion(msgspec.Struct, frozen=True, tag="status"):
    """How is the daemon?"""


class CountersQuestion(msgspec.Struct, frozen=True, tag="counters"):
    """What do the counters say?"""


class SitesQuestion(msgspec.Struct, frozen=True, tag="sites"):
    """The sites whose name sorts after ``after``; at most ``limit`` of them."""

    after: str = ""
    limit: int = 100


class SiteQuestion(msgspec.Struct, frozen=True, tag="site"):
    """One site."""

    name: str


class RegistrationsQuestion(msgspec.Struct, frozen=True, tag="registrations"):
    """Registrations in table order after the cursor; every filter given must hold.

    prefix: packed EID-Prefix; its instance-ID is part of it. locator: an IP address,
    4 or 16 octets. xtr_id: 16 octets.
    cursor: as answered in ``RegistrationsPage.next``.
    """

    limit: int = 100
    cursor: bytes | None = None
    site: str | None = None
    instance_id: int | None = None
    prefix: bytes | None = None
    match: Match = "exact"
    state: RegistrationState | None = None
    locator: bytes | None = None
    xtr_id: bytes | None = None


class LookupQuestion(msgspec.Struct, frozen=True, tag="lookup"):
    """What would a Map-Request for this EID (packed) be answered, and why?"""

    eid: bytes


Question = (
    StatusQuestion
    | CountersQuestion
    | SitesQuestion
    | SiteQuestion
    | RegistrationsQuestion
    | LookupQuestion
    | ExplainQuestion
    | HistoryQuestion
    | KeysQuestion
    | ForgetNonce
    | MeasuresQuestion
    | SiteStatesQuestion
    | PollerQuestion
    | AltQuestion
    | AltTraceQuestion
    | AltOrder
    | AltOperationQuestion
    | EventsQuestion
    | ChangesQuestion
    | ConfigQuestion
    | SubscriptionsQuestion
    | PitrPrefixesQuestion
    | ReviewQuestion
    | ReloadOrder
    | StopOrder
    | SiteOrder
    | KeyOrder
)


class ListenRow(msgspec.Struct, frozen=True):
    """One UDP socket of port 4342.

    drops: datagrams the kernel threw away because the receive buffer was full.
    """

    host: str
    port: int
    receive_buffer_asked_octets: int
    receive_buffer_granted_octets: int
    drops: int


class StatusRow(msgspec.Struct, frozen=True, tag="status"):
    """The daemon as a whole.

    engine: native or pure; engine_reason: a phrase that says why.
    not_ready: sentences naming what keeps it from serving; empty when it serves.
    degraded: sentences naming what is wrong while it serves. capabilities: names of
    the Linux capabilities that the daemon has. unconfirmed_seconds: after which the
    configuration is taken back; None where it is confirmed. fleet: None without one.
    """

    node: str
    version: str
    engine: str
    engine_reason: str
    started_at: float
    roles: list[str]
    listen: list[ListenRow]
    sites: int
    registrations: int
    journal_writing: bool
    config_hash: str
    last_reload_at: float
    failed_reloads: int
    not_ready: list[str]
    degraded: list[str]
    capabilities: list[str]
    unconfirmed_seconds: int | None = None
    fleet: FleetRow | None = None


class CountersRow(msgspec.Struct, frozen=True, tag="counters"):
    """Totals since the start, by the flat names of ``datapath.counters``."""

    totals: dict[str, int]


class SiteEidRow(msgspec.Struct, frozen=True):
    """One configured EID-Prefix of a site.

    registered: registered prefixes of this site inside it, itself included; where
    ``counted_in_full`` is false there are more.
    """

    prefix: bytes
    accept_more_specifics: bool
    registered: int
    counted_in_full: bool


class RefusalRow(msgspec.Struct, frozen=True):
    """A Map-Register that policy refused; eid is packed, None where no record was named."""

    at: float
    source: str
    eid: bytes | None
    reason: str
    detail: str


class PlaceRow(msgspec.Struct, frozen=True):
    """A place on Earth, in decimal degrees; told_by: "configuration" or "locator"."""

    name: str | None
    latitude: float
    longitude: float
    told_by: str


class SiteRow(msgspec.Struct, frozen=True, tag="site"):
    """A configured site; last_accepted_at is None when nothing came since the start.

    xtrs: how many have a registration, among the registrations that were counted.
    accepted_per_minute, refused_per_minute: of the last 60 minutes, the present one
    last; empty where all are 0.
    stands_at: in a file; None for one of the database. revision, document: of that, where
    one site was asked for; JSON without secrets.
    """

    name: str
    eids: list[SiteEidRow]
    key_ids: list[int]
    last_accepted_at: float | None
    accepted: int
    refused: int
    last_refusal: RefusalRow | None
    xtrs: int
    accepted_per_minute: list[int]
    refused_per_minute: list[int]
    place: PlaceRow | None
    stands_at: str | None = ""
    revision: str | None = None
    document: bytes | None = None


class SitesPage(msgspec.Struct, frozen=True, tag="sites"):
    """Sites in name order; ``next`` is the ``after`` of the following page."""

    rows: list[SiteRow]
    next: str | None


class RegistrationsPage(msgspec.Struct, frozen=True, tag="registrations"):
    """Registrations in table order. ``next`` is None at the end; a page may be short."""

    rows: list[RegistrationRow]
    next: bytes | None


class LookupRow(msgspec.Struct, frozen=True, tag="lookup"):
    """What a Map-Request for an EID meets.

    outcome, why: the words of ``core.resolution``.
    prefix: the registered EID-Prefix, or the one of a negative answer.
    site: the configured site that holds the EID.
    record: the EID-Record that is published or would be answered, in wire octets;
    None where the answer is elsewhere.
    """

    eid: bytes
    outcome: str
    prefix: bytes | None
    site: str | None
    record: bytes | None
    registrations: list[RegistrationRow]
    why: str


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    """No answer.

    reason: "malformed-question", "bad-cursor", "unknown-site", "unknown-key", "no-poller",
    "failed", "invalid-site", STARTING, or one of those in ``query_alt``, ``query_life``
    and ``provision.refused``.
    faults: of an invalid site: JSON pointer, and what is wrong there.
    """

    reason: str
    detail: str
    faults: list[tuple[str, str]] = []


Answer = (
    StatusRow
    | CountersRow
    | SitesPage
    | SiteRow
    | RegistrationsPage
    | LookupRow
    | ExplainRow
    | HistoryPage
    | KeysPage
    | NonceForgotten
    | MeasuresRow
    | SiteStatesPage
    | PollerRow
    | AltPage
    | AltTraceRow
    | AltOperationRow
    | EventsPage
    | ChangesPage
    | ConfigRow
    | SubscriptionsPage
    | PitrPrefixesPage
    | ReviewPage
    | ReloadRow
    | StopRow
    | SiteWritten
    | Declined
)
