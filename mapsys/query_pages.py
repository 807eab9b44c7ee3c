"""Pages of state, read from the store between batches: ``query`` asks, this answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from collections.abc import Mapping as Totals
from typing import Final, Protocol

import msgspec

from mapsys.core.details import Details
from mapsys.core.resolution import Resolution
from mapsys.core.site import LispSite, Place, SiteTable
from mapsys.eid import EidPrefix, Family
from mapsys.minute_counts import MinuteCounts
from mapsys.query_alt import AltDeclined, Overlaid, alt_answer
from mapsys.query_alt_rows import (
    AltOperationQuestion,
    AltOrder,
    AltQuestion,
    AltTraceQuestion,
)
from mapsys.query_config_rows import ConfigQuestion, ConfigRow
from mapsys.query_events import Eventful, changes, events
from mapsys.query_events_rows import ChangesQuestion, EventsQuestion
from mapsys.query_explain import Explaining, explained, history
from mapsys.query_explain_rows import ExplainQuestion, HistoryQuestion
from mapsys.query_feeds import pitr_prefixes, subscriptions
from mapsys.query_feeds_rows import PitrPrefixesQuestion, SubscriptionsQuestion
from mapsys.query_filters import passes
from mapsys.query_keys import KeySource, keys
from mapsys.query_keys_rows import ForgetNonce, KeysQuestion
from mapsys.query_ledger import LastRefusal, SiteLedger
from mapsys.query_life import LifeDeclined, Living, life_answer
from mapsys.query_life_rows import ReloadOrder, StopOrder
from mapsys.query_measures import SLICE_SECONDS, measures, site_states
from mapsys.query_measures_rows import (
    MeasuresQuestion,
    MeasuresRow,
    PollerQuestion,
    PollerRow,
    SiteStatesQuestion,
)
from mapsys.query_registration import registration_row, unix_time
from mapsys.query_registration_row import RegistrationRow
from mapsys.query_review_rows import FindingRow, ReviewPage, ReviewQuestion
from mapsys.query_rows import (
    PAGE_ROWS_LIMIT,
    Answer,
    CountersQuestion,
    CountersRow,
    Declined,
    LookupQuestion,
    LookupRow,
    PlaceRow,
    Question,
    RefusalRow,
    RegistrationsPage,
    RegistrationsQuestion,
    SiteEidRow,
    SiteQuestion,
    SiteRow,
    SitesPage,
    SitesQuestion,
    StatusQuestion,
    StatusRow,
)
from mapsys.query_sites import Provisioning, ordered
from mapsys.query_sites_rows import KeyOrder, SiteOrder
from mapsys.site_place import registered_place
from mapsys.site_states import SiteStates
from mapsys.store import Mapping, Registration, Store
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord

SCAN_BATCH: Final = 32
"""Mappings fetched at once, after a start with few: most sites register a handful."""

EXAMINED_LIMIT: Final = 5_000
"""Mappings looked at for one page; a filter that matches little gets short pages."""

PAGE_OCTETS_LIMIT: Final = 1024 * 1024
"""Record octets in one page; ends it early where records are huge."""

COUNT_LIMIT: Final = 1_000
"""Prefixes counted for one configured EID-Prefix of a site."""


class QuerySource(Explaining, KeySource, Eventful, Overlaid, Living, Provisioning, Protocol):
    """The daemon, as the query socket sees it. Every call is short and never waits."""

    @property
    def store(self) -> Store: ...
    @property
    def ledger(self) -> SiteLedger: ...
    @property
    def sites(self) -> SiteTable: ...
    @property
    def site_states(self) -> SiteStates: ...

    def clocks(self) -> tuple[float, float]:
        """The core's clock and Unix time, read together."""

    def status(self) -> StatusRow:
        """The daemon as a whole."""

    def resolve(self, eid: EidPrefix) -> Resolution:
        """What a Map-Request for the EID would be answered, and why."""

    def counters(self) -> Totals[str, int]:
        """Totals since the start, by the flat names of ``datapath.counters``."""

    def measures(self) -> MeasuresRow:
        """Histograms and gauges."""

    def configuration(self) -> ConfigRow:
        """What the node is told, its sites apart."""

    def review(self) -> list[FindingRow]:
        """What the review finds, the gravest first."""

    def poller(self) -> PollerRow | None:
        """What the poller is to do; None where there is none."""


class _Pace:
    """Gives the loop its turn after each slice of work."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def step(self) -> None:
        if time.perf_counter() - self._since > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


class _BadCursor(Exception):
    """The cursor is none that this server gave out."""


async def answer(question: Question, source: QuerySource) -> Answer:
    """Answer one question; a question that cannot be answered gets Declined."""
    try:
        match question:
            case StatusQuestion():
                return source.status()
            case CountersQuestion():
                return CountersRow(dict(source.counters()))
            case SitesQuestion():
                return await _sites(question, source)
            case SiteQuestion():
                return await _site(question, source)
            case RegistrationsQuestion():
                return await _registrations(question, source)
            case LookupQuestion():
                return _lookup(question, source)
            case ExplainQuestion():
                return explained(question, source)
            case HistoryQuestion():
                return history(question, source)
            case KeysQuestion():
                return _keys(question, source)
            case ForgetNonce():
                return await _forget_nonce(question, source)
            case MeasuresQuestion():
                return await measures(source)
            case SiteStatesQuestion():
                return await site_states(question, source)
            case AltQuestion() | AltTraceQuestion() | AltOrder() | AltOperationQuestion():
                return await alt_answer(question, source)
            case PollerQuestion():
                return source.poller() or Declined("no-poller", "no poller: section is configured")
            case ConfigQuestion():
                return source.configuration()
            case ReviewQuestion():
                return _review(question, source)
            case ReloadOrder() | StopOrder():
                return await life_answer(question, source)
            case SiteOrder() | KeyOrder():
                return await ordered(question, source)
            case EventsQuestion():
                return await events(question, source)
            case SubscriptionsQuestion():
                return subscriptions(question, source)
            case PitrPrefixesQuestion():
                return pitr_prefixes(question, source)
            case ChangesQuestion():
                return changes(question, source)
    except (AltDeclined, LifeDeclined) as declined:
        return Declined(declined.reason, str(declined))
    except _BadCursor:
        return Declined("bad-cursor", "the cursor is not one that was handed out; start again")


def _review(question: ReviewQuestion, source: QuerySource) -> ReviewPage:
    rows = source.review()
    end = max(0, question.after) + max(1, min(question.limit, PAGE_ROWS_LIMIT))
    return ReviewPage(rows[max(0, question.after) : end], end if end < len(rows) else None)


async def _sites(question: SitesQuestion, source: QuerySource) -> SitesPage:
    limit = max(1, min(question.limit, PAGE_ROWS_LIMIT))
    later = sorted(
        (site for site in source.sites if site.name > question.after), key=lambda site: site.name
    )
    pace = _Pace()
    rows = [await _site_row(site, source, pace) for site in later[:limit]]
    return SitesPage(rows, rows[-1].name if len(later) > limit else None)


async def _site(question: SiteQuestion, source: QuerySource) -> SiteRow | Declined:
    site = source.sites.named(question.name)
    if site is None:
        return Declined("unknown-site", f"no site is called {question.name!r}")
    row, origin = await _site_row(site, source, _Pace()), source.provisioned.origin(site.name)
    return msgspec.structs.replace(row, revision=origin.revision, document=origin.document)


def _keys(question: KeysQuestion, source: QuerySource) -> Answer:
    site = source.sites.named(question.site)
    if site is None:
        return Declined("unknown-site", f"no site is called {question.site!r}")
    return keys(site, source)


async def _forget_nonce(order: ForgetNonce, source: QuerySource) -> Answer:
    try:
        return await source.forget_nonce(order)
    except LookupError as error:
        known = source.sites.named(order.site) is not None
        return Declined("unknown-key" if known else "unknown-site", str(error.args[0]))
    except OSError as error:
        return Declined("failed", f"nothing was done: the audit trail cannot be written: {error}")


async def _site_row(site: LispSite, source: QuerySource, pace: _Pace) -> SiteRow:
    account = source.ledger.of(site.name)
    refusal = account.last_refusal
    eids: list[SiteEidRow] = []
    registrants: set[bytes] = set()
    told = None
    for rule in site.rules:
        registered = examined = 0
        async for mapping in _inside(rule.prefix, source.store, pace):
            examined += 1
            if examined > COUNT_LIMIT:
                break
            own = [one for one in mapping.registrations if _is_of(one, site.name)]
            registered += bool(own)
            for one in own:
                registrants.add(one.registrant)
                told = told or registered_place(one.record)
        eids.append(
            SiteEidRow(
                prefix=rule.prefix.pack(),
                accept_more_specifics=rule.accept_more_specifics,
                registered=registered,
                counted_in_full=examined <= COUNT_LIMIT,
            )
        )
    now, _ = source.clocks()
    return SiteRow(
        name=site.name,
        eids=eids,
        key_ids=[key.key_id for key in site.keys],
        last_accepted_at=(
            None if account.last_accepted is None else unix_time(account.last_accepted, source)
        ),
        accepted=account.accepted,
        refused=account.refused,
        last_refusal=None if refusal is None else _refusal_row(refusal, source),
        xtrs=len(registrants),
        accepted_per_minute=_last_hour(account.accepted_lately, now),
        refused_per_minute=_last_hour(account.refused_lately, now),
        place=_place_row(site.place, "configuration") or _place_row(told, "locator"),
        stands_at=source.provisioned.place(site.name),
    )


def _last_hour(counts: MinuteCounts | None, now: float) -> list[int]:
    return [] if counts is None else counts.last_hour(now)


def _place_row(place: Place | None, told_by: str) -> PlaceRow | None:
    if place is None:
        return None
    return PlaceRow(place.name, place.latitude, place.longitude, told_by)


def _refusal_row(refusal: LastRefusal, source: QuerySource) -> RefusalRow:
    return RefusalRow(
        at=unix_time(refusal.at, source),
        source=str(refusal.source),
        eid=None if refusal.eid is None else refusal.eid.pack(),
        reason=refusal.reason,
        detail=refusal.detail,
    )


def _is_of(registration: Registration, site: str) -> bool:
    return Details.unpack(registration.details).site == site


async def _registrations(question: RegistrationsQuestion, source: QuerySource) -> RegistrationsPage:
    limit = max(1, min(question.limit, PAGE_ROWS_LIMIT))
    resume_at, resume_after = _read_cursor(question.cursor)
    rows: list[RegistrationRow] = []
    octets = examined = 0
    now, _ = source.clocks()
    async for mapping in _matching(question, resume_at, source, _Pace()):
        examined += 1
        for one in mapping.registrations:
            if mapping.eid == resume_at and one.registrant <= resume_after:
                continue
            facts = Details.unpack(one.details)
            if not passes(question, one, facts, now):
                continue
            if len(rows) == limit or octets > PAGE_OCTETS_LIMIT:
                return RegistrationsPage(rows, rows[-1].eid + rows[-1].registrant)
            rows.append(registration_row(mapping.eid, one, facts, source))
            octets += len(one.record)
        if examined == EXAMINED_LIMIT:
            last = mapping.registrations[-1].registrant
            return RegistrationsPage(rows, mapping.eid.pack() + last)
    return RegistrationsPage(rows, None)


def _read_cursor(cursor: bytes | None) -> tuple[EidPrefix | None, bytes]:
    if cursor is None:
        return None, b""
    try:
        eid, end = EidPrefix.unpack(cursor)
    except ValueError as error:
        raise _BadCursor from error
    return eid, cursor[end:]


async def _matching(
    question: RegistrationsQuestion, resume_at: EidPrefix | None, source: QuerySource, pace: _Pace
) -> AsyncIterator[Mapping]:
    """Mappings that the filters may let through, from the cursor's on; few that they do not."""
    store = source.store
    wanted = question.instance_id
    if question.prefix is None and question.site is not None:
        for own in _outermost(question.site, source.sites):
            if wanted in (None, own.instance_id):
                async for mapping in _inside(own, store, pace, resume_at):
                    yield mapping
        return
    if question.prefix is None:
        async for mapping in _from(resume_at, wanted, store, pace):
            if wanted is not None and mapping.eid.instance_id != wanted:
                return
            yield mapping
        return
    prefix, _ = EidPrefix.unpack(question.prefix)
    if wanted is not None and prefix.instance_id != wanted:
        return
    if question.match == "covered":
        async for mapping in _inside(prefix, store, pace, resume_at):
            yield mapping
        return
    if question.match == "covering":
        found = [*store.covering(prefix)][::-1]
    else:
        one = store.get(prefix) if question.match == "exact" else store.longest_match(prefix)
        found = [] if one is None else [one]
    for mapping in found:
        if resume_at is None or mapping.eid >= resume_at:
            yield mapping


def _outermost(site: str, sites: SiteTable) -> list[EidPrefix]:
    """A site's configured EID-Prefixes in order, without those inside another one of them."""
    found = sites.named(site)
    outermost: list[EidPrefix] = []
    for prefix in sorted(rule.prefix for rule in found.rules) if found is not None else ():
        if not outermost or not outermost[-1].covers(prefix):
            outermost.append(prefix)
    return outermost


async def _from(
    start: EidPrefix | None, instance_id: int | None, store: Store, pace: _Pace
) -> AsyncIterator[Mapping]:
    """Mappings in table order from ``start`` (or the instance-ID's first) on, inclusive."""
    if start is None and instance_id:
        start = EidPrefix(instance_id, Family.IPV4, 0, 0)
    if start is not None and (first := store.get(start)) is not None:
        yield first
    cursor, size = start, 1
    while True:
        batch = store.scan(cursor, size)
        for mapping in batch:
            await pace.step()
            yield mapping
        if len(batch) < size:
            return
        cursor, size = batch[-1].eid, min(2 * size, SCAN_BATCH)


async def _inside(
    prefix: EidPrefix, store: Store, pace: _Pace, resume_at: EidPrefix | None = None
) -> AsyncIterator[Mapping]:
    """Mappings covered by a prefix, itself included: they stand together in table order."""
    start = prefix if resume_at is None or resume_at < prefix else resume_at
    async for mapping in _from(start, None, store, pace):
        if not prefix.covers(mapping.eid):
            return
        yield mapping


def _lookup(question: LookupQuestion, source: QuerySource) -> LookupRow:
    eid, _ = EidPrefix.unpack(question.eid)
    resolution = source.resolve(eid)
    mapping = resolution.mapping
    prefix, record, rows = resolution.negative, None, []
    if mapping is not None:
        prefix, record = mapping.eid, mapping.published
        rows = [
            registration_row(mapping.eid, one, Details.unpack(one.details), source)
            for one in mapping.registrations[:PAGE_ROWS_LIMIT]
        ]
    elif prefix is not None:
        address, mask_len = from_eid_prefix(prefix)
        negative = EidRecord(resolution.ttl_minutes, address, mask_len, action=resolution.action)
        record = negative.octets()
    return LookupRow(
        eid=question.eid,
        outcome=resolution.outcome.value,
        prefix=None if prefix is None else prefix.pack(),
        site=None if resolution.site is None else resolution.site.name,
        record=record,
        registrations=rows,
        why=resolution.why.value,
    )
