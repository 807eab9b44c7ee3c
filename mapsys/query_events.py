"""Answers to what took place, and to what changed since."""

from __future__ import annotations

from typing import Final, Protocol

from mapsys.core.details import Details
from mapsys.eid import EidPrefix
from mapsys.event_ring import EventRing
from mapsys.query_events_rows import (
    CHANGES,
    ChangesPage,
    ChangesQuestion,
    EventsPage,
    EventsQuestion,
    WithdrawnRow,
)
from mapsys.query_registration import Holding, registration_row
from mapsys.store import Store

EVENTS_LIMIT: Final = 500
"""Events in one page, or looked at for one page of changes, at most."""

WAIT_SECONDS_LIMIT: Final = 5.0
"""Half of what the asking end waits for any answer."""

RECORD_OCTETS_LIMIT: Final = 1024 * 1024
"""Of the records in one page of changes; ends it early where they are huge."""


class Eventful(Holding, Protocol):
    """The part of a ``query_pages.QuerySource`` that these questions need."""

    @property
    def store(self) -> Store: ...
    @property
    def events(self) -> EventRing: ...


async def events(question: EventsQuestion, source: Eventful) -> EventsPage:
    """Events after a position; waits for the first where it is asked to."""
    ring = source.events
    known = ring.holds_all_after(question.session, question.serial)
    serial = question.serial if known else ring.first - 1
    await ring.wait_after(serial, min(question.wait_seconds, WAIT_SECONDS_LIMIT))
    # A storm while it waited may have pushed out what came first.
    known = known and ring.holds_all_after(question.session, serial)
    limit = max(1, min(question.limit, EVENTS_LIMIT))
    rows = ring.after(serial, limit, question.kinds)
    return EventsPage(ring.session, not known, ring.last, rows)


def changes(question: ChangesQuestion, source: Eventful) -> ChangesPage:
    """What is now registered where something changed after a position."""
    ring = source.events
    if not ring.holds_all_after(question.session, question.serial):
        return ChangesPage(ring.session, ring.last, True, False, [], [])
    page = ChangesPage(ring.session, question.serial, False, False, [], [])
    told: set[tuple[bytes, str]] = set()
    serial, octets = question.serial, 0
    for event in ring.after(serial, max(1, min(question.limit, EVENTS_LIMIT))):
        if octets > RECORD_OCTETS_LIMIT:
            break
        serial = event.serial
        if event.kind not in CHANGES or event.eid is None or event.site is None:
            continue
        if (event.eid, event.site) not in told:
            told.add((event.eid, event.site))
            octets += _tell(event.eid, event.site, page, source)
    return ChangesPage(ring.session, serial, False, serial < ring.last, page.rows, page.withdrawn)


def _tell(packed: bytes, site: str, page: ChangesPage, source: Eventful) -> int:
    """Add what one EID-Prefix and site have now; returns the octets of its records."""
    eid, _ = EidPrefix.unpack(packed)
    mapping = source.store.get(eid)
    octets = 0
    found = False
    for registration in () if mapping is None else mapping.registrations:
        facts = Details.unpack(registration.details)
        if facts.site == site:
            page.rows.append(registration_row(eid, registration, facts, source))
            octets += len(registration.record)
            found = True
    if not found:
        page.withdrawn.append(WithdrawnRow(packed, site))
    return octets
