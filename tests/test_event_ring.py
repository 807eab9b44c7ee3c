"""The ring of events: numbers without gaps, bounded, and refusals that cannot flood it."""

from __future__ import annotations

import asyncio

from mapsys.core.effects import Dropped, Endpoint, Expired, Moved, Refreshed, Registered, Withdrawn
from mapsys.eid import EidPrefix
from mapsys.event_ring import REFUSALS_PER_SECOND, EventRing
from mapsys.query_events_rows import EventKind, MoveRow
from mapsys.query_explain_rows import MoverRow

EID = EidPrefix.parse("198.18.1.0/24")
ETR = Endpoint("192.0.2.1", 4342)


def kinds(ring: EventRing) -> list[str]:
    return [row.kind.value for row in ring.after(0, 1_000)]


def test_what_took_place_is_numbered_in_order() -> None:
    ring = EventRing(lambda: 1_000.0)
    ring.observe(
        [
            Registered(EID, "one", ETR, first=True),
            Refreshed("one", 1),
            Registered(EID, "one", ETR, first=False),
            Moved(EID, "one", ETR, (b"a",), b"b", previous_hosts=("192.0.2.7",)),
            Withdrawn(EID, "one", ETR),
            Expired(EID, "one"),
        ],
        5.0,
    )
    rows = ring.after(0, 100)
    assert [row.serial for row in rows] == [1, 2, 3, 4, 5]
    assert kinds(ring) == ["registered", "changed", "moved", "withdrawn", "expired"]
    assert {(row.eid, row.site, row.at) for row in rows} == {(EID.pack(), "one", 1_000.0)}
    assert [row.source for row in rows] == ["192.0.2.1:4342"] * 4 + [None]
    (moved,) = ring.after(0, 100, {EventKind.MOVED})
    before, now = MoverRow(b"a", "192.0.2.7"), MoverRow(b"b", "192.0.2.1")
    assert (moved.serial, moved.move) == (3, MoveRow([before], now))


def test_the_oldest_make_room_and_are_missed() -> None:
    ring = EventRing(limit=3)
    for _ in range(5):
        ring.note(EventKind.RELOADED)
    assert [row.serial for row in ring.after(0, 10)] == [3, 4, 5]
    assert [row.serial for row in ring.after(3, 1)] == [4]
    assert ring.after(5, 10) == []
    assert [ring.holds_all_after(ring.session, serial) for serial in (1, 2, 5, 6)] == [
        False,
        True,
        True,
        False,
    ]
    assert not ring.holds_all_after("another", 4)


def test_refusals_beyond_so_many_a_second_are_counted_only() -> None:
    now = [1_000.0]
    ring = EventRing(lambda: now[0])
    flood = [Dropped(ETR, "MapRegister", "authentication-failed", "one")]
    for _ in range(REFUSALS_PER_SECOND + 7):
        ring.observe(flood, 0.0)
    assert kinds(ring) == ["dropped"] * REFUSALS_PER_SECOND
    now[0] += 1
    ring.observe(flood, 1.0)
    assert kinds(ring)[REFUSALS_PER_SECOND:] == ["suppressed", "dropped"]
    assert ring.after(REFUSALS_PER_SECOND, 1)[0].detail == "7 more were refused or dropped"


def test_what_names_no_site_is_no_event() -> None:
    ring = EventRing()
    ring.observe([Dropped(ETR, "unknown", "truncated")], 0.0)
    assert ring.last == 0


def test_waiting_ends_with_the_next_event() -> None:
    async def wait() -> int:
        ring = EventRing()
        asyncio.get_running_loop().call_later(0.05, ring.note, EventKind.RELOADED)
        await asyncio.wait_for(ring.wait_after(0, 60.0), 30)
        return ring.last

    assert asyncio.run(wait()) == 1


def test_waiting_ends_without_one() -> None:
    ring = EventRing()
    asyncio.run(asyncio.wait_for(ring.wait_after(0, 0.05), 30))
    assert ring.last == 0
