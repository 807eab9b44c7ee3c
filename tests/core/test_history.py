"""The history of EID-Prefixes: what is remembered, within which bounds, and for how long."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from mapsys.core.history import PREVIOUS_LIMIT, Entry, Happening, HistoryLimits, Mover
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from tests.core.world import DEFAULTS, Etr, World, record

HOST = "10.1.7.7/32"
EID = EidPrefix.parse(HOST)
WALL_AT_START = 1_700_001_000


def xtr(number: int) -> Etr:
    return Etr(
        host=f"192.0.2.{number}",
        xtr_id=bytes([number]) * 16,
        nonces=itertools.count(number * 100_000),
    )


A, B, C = xtr(1), xtr(2), xtr(3)


def moves_to(world: World, etr: Etr, host: str = HOST, **flags: bool) -> None:
    """The xTR registers itself as the place of a host, with a weight that is new each time."""
    world.register(etr, record(host, etr.host), **flags)


def entries(world: World, eid: str = HOST) -> list[Entry]:
    """Everything that is remembered, newest first."""
    return [one.entry for one in world.engine.history(EidPrefix.parse(eid), world.now)]


def happened(world: World, eid: str = HOST) -> list[str]:
    """What, oldest first."""
    return [entry.what.value for entry in entries(world, eid)][::-1]


def told(world: World, eid: str = HOST) -> list[tuple[str, str]]:
    """(from, to) by addresses, newest first."""
    return [
        (",".join(mover.host for mover in move.previous), move.by.host)
        for move in entries(world, eid)
        if move.what is Happening.MOVED
    ]


def test_a_move_is_remembered_with_from_to_and_when() -> None:
    world = World()
    moves_to(world, A)
    assert told(world) == []
    world.pass_time(5)
    moves_to(world, B)
    move = entries(world)[0]
    assert move == Entry(
        EID,
        WALL_AT_START + 5,
        Happening.MOVED,
        "one",
        Mover(bytes([2]) * 16, "192.0.2.2"),
        0,
        (Mover(bytes([1]) * 16, "192.0.2.1"),),
    )


def test_refreshes_late_or_not_are_no_moves_and_a_move_back_is_one() -> None:
    world = World()
    for etr in (A, B, B, A):
        moves_to(world, etr)
    assert told(world) == [("192.0.2.1", "192.0.2.2")]
    world.register(A, record(HOST, "192.0.2.1", "192.0.2.9"))
    assert told(world)[0] == ("192.0.2.2", "192.0.2.1")


def test_several_that_had_merged_are_named_and_the_conflict_with_them() -> None:
    world = World()
    moves_to(world, A, merge_request=True)
    moves_to(world, B, merge_request=True)
    moves_to(world, C)
    move = entries(world)[0]
    assert [mover.host for mover in move.previous] == ["192.0.2.1", "192.0.2.2"]
    assert move.merge_conflict


def test_moves_of_prefixes_around_an_eid_are_told_with_its_own() -> None:
    world = World()
    for prefix in ("10.1.7.0/24", HOST):
        moves_to(world, A, prefix)
        moves_to(world, B, prefix)
    assert len(told(world)) == 2
    assert [str(entry.eid) for entry in entries(world)] == [
        HOST,
        HOST,
        "10.1.7.0/24",
        "10.1.7.0/24",
    ]
    assert len(told(world, "10.1.7.8")) == 1
    assert told(world, "10.1.8.8") == []
    assert told(world, "[5]10.1.7.7") == []


def flap(world: World, times: int, host: str = HOST) -> None:
    """A host goes from one xTR to another and back, each time with another set."""
    for number in range(times):
        etr = (A, B)[number % 2]
        world.register(etr, record(host, etr.host, f"198.51.100.{1 + number % 250}"))


def test_each_eid_prefix_has_its_bound() -> None:
    world = World(history=HistoryLimits(per_eid=3))
    moves_to(world, A, "10.1.9.9/32")
    moves_to(world, B, "10.1.9.9/32")
    flap(world, 40)
    assert len(told(world)) == 3
    assert len(list(world.store.history.of(EID))) == 3
    assert len(told(world, "10.1.9.9/32")) == 1


def test_all_together_have_a_bound_and_the_oldest_gives_way() -> None:
    world = World(history=HistoryLimits(entries=5))
    for number in range(20):
        flap(world, 2, f"10.1.7.{number}/32")
    assert len(world.store.history) == 5
    assert told(world, "10.1.7.16/32") == []
    assert len(told(world, "10.1.7.17/32")) == 1


def test_what_is_older_than_the_retention_is_forgotten_in_time() -> None:
    world = World(history=HistoryLimits(retention_seconds=3_600))
    flap(world, 2)
    world.pass_time(3_000)
    flap(world, 2, "10.1.9.9/32")
    assert len(told(world)) == 1
    world.pass_time(600)
    assert (told(world), happened(world)) == ([], ["expired"])
    assert happened(world, "10.1.9.9/32") == ["registered", "moved", "expired"]
    world.pass_time(3_600)
    assert len(world.store.history) == 0
    assert world.engine.next_deadline() is None


def test_switched_off_nothing_is_remembered_and_what_was_is_forgotten() -> None:
    world = World()
    for number in range(250):
        flap(world, 3, f"10.1.7.{number}/32")
    assert len(world.store.history) == 750
    world.engine.reconfigure(replace(DEFAULTS, history=None), world.now)
    assert told(world) == []
    world.pass_time(1)
    assert len(world.store.history) == 0
    flap(world, 4)
    assert len(world.store.history) == 0


def test_a_lower_bound_drops_what_is_over_it() -> None:
    world = World()
    for number in range(9):
        flap(world, 2, f"10.1.7.{number}/32")
    world.engine.reconfigure(replace(DEFAULTS, history=HistoryLimits(entries=4)), world.now)
    world.pass_time(1)
    assert len(world.store.history) == 4


def test_the_history_is_state_like_any_other() -> None:
    world = World()
    flap(world, 4)
    copy = PureStore()
    copy.apply(world.store.take_changes()[1], 0.0)
    assert [one.facts for one in copy.history.of(EID)] == [
        one.facts for one in world.store.history.of(EID)
    ]


def test_an_entry_survives_packing_and_damage_is_found() -> None:
    previous = tuple(
        Mover(b"\0" + bytes([n]) * 4, f"2001:db8::{n}") for n in range(1, 1 + PREVIOUS_LIMIT)
    )
    move = Entry(
        EID,
        2**40,
        Happening.LATE,
        "s" * 63,
        Mover(bytes(16), "192.0.2.1"),
        255,
        previous,
        merge_conflict=True,
    )
    octets = move.pack()
    assert Entry.unpack(EID, octets) == move
    for end in range(len(octets)):
        with pytest.raises(ValueError, match="damaged entry"):
            Entry.unpack(EID, octets[:end])


def test_of_many_former_xtrs_a_few_are_named() -> None:
    world = World()
    for number in range(1, 21):
        moves_to(world, xtr(number), merge_request=True)
    moves_to(world, xtr(99))
    move = entries(world)[0]
    assert len(move.previous) == PREVIOUS_LIMIT


def test_all_that_happens_is_an_entry_and_refreshes_are_none() -> None:
    world = World()
    for etr in (A, A, A):
        moves_to(world, etr)
    world.register(A, record(HOST, A.host, "198.51.100.9"))
    world.register(A, record(HOST, A.host, ttl=0))
    moves_to(world, A, merge_request=True)
    moves_to(world, B, merge_request=True)
    world.pass_time(400)
    assert happened(world) == [
        *("registered", "changed", "withdrawn", "registered", "joined", "expired", "expired")
    ]
    assert {entry.key_id for entry in entries(world)} == {0}


def test_a_late_xtr_is_told_once_until_something_else_happens() -> None:
    world = World()
    for etr in (A, B, A, A, A, B, A):
        moves_to(world, etr)
        world.pass_time(10)
    assert happened(world) == ["registered", "moved", "late"]
    assert entries(world)[0].by.host == A.host


def test_a_host_that_comes_from_the_prefix_around_it_has_come_from_its_xtr() -> None:
    world = World()
    moves_to(world, A, "10.1.7.0/24")
    moves_to(world, B)
    moves_to(world, A, "10.1.7.9/32")
    first = entries(world)[0]
    assert (first.what, first.previous) == (Happening.REGISTERED, (Mover(bytes([1]) * 16, A.host),))
    assert entries(world, "10.1.7.9")[0].previous == ()


def test_what_is_not_allowed_any_more_was_removed_and_did_not_expire() -> None:
    world = World()
    moves_to(world, A)
    world.engine.reconfigure(replace(DEFAULTS, sites=()), world.now)
    assert happened(world) == ["registered", "removed"]


def test_pages_of_a_history_go_on_before_a_number() -> None:
    world = World()
    flap(world, 9)
    numbered = world.engine.history(EID, world.now)
    rest = world.engine.history(EID, world.now, before=numbered[3].number)
    assert rest == numbered[4:]
    assert len(numbered) == 9


def test_many_rows_that_come_and_go_leave_nothing_behind() -> None:
    rows = PureStore().history
    for number in range(5_000):
        rows.add(EID, b"%d" % number)
        rows.add(EidPrefix.parse("10.1.9.9/32"), b"other")
        for over in list(rows.of(EID))[3:]:
            rows.drop(over.number)
        if number >= 100:
            oldest = rows.oldest()
            assert oldest is not None
            rows.drop(oldest.number)
    assert [one.facts for one in rows.of(EID)] == [b"4999", b"4998", b"4997"]
    assert len(rows) == len(list(rows.of(EID))) + len(list(rows.of(EidPrefix.parse("10.1.9.9/32"))))
