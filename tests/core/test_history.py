"""The history of moves: what is remembered, within which bounds, and when it is forgotten."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from mapsys.core.history import PREVIOUS_LIMIT, HistoryLimits, Move, Mover
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


def told(world: World, eid: str = HOST) -> list[tuple[str, str]]:
    """(from, to) by addresses, newest first."""
    return [
        (",".join(mover.host for mover in move.previous), move.to.host)
        for move in world.engine.moves(EidPrefix.parse(eid), world.now)
    ]


def test_a_move_is_remembered_with_from_to_and_when() -> None:
    world = World()
    moves_to(world, A)
    assert told(world) == []
    world.pass_time(5)
    moves_to(world, B)
    (move,) = world.engine.moves(EID, world.now)
    assert move == Move(
        EID,
        WALL_AT_START + 5,
        "one",
        (Mover(bytes([1]) * 16, "192.0.2.1"),),
        Mover(bytes([2]) * 16, "192.0.2.2"),
        merge_conflict=False,
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
    (move,) = world.engine.moves(EID, world.now)
    assert [mover.host for mover in move.previous] == ["192.0.2.1", "192.0.2.2"]
    assert move.merge_conflict


def test_moves_of_prefixes_around_an_eid_are_told_with_its_own() -> None:
    world = World()
    for prefix in ("10.1.7.0/24", HOST):
        moves_to(world, A, prefix)
        moves_to(world, B, prefix)
    assert len(told(world)) == 2
    assert [str(move.eid) for move in world.engine.moves(EID, world.now)] == [HOST, "10.1.7.0/24"]
    assert len(told(world, "10.1.7.8")) == 1
    assert told(world, "10.1.8.8") == []
    assert told(world, "[5]10.1.7.7") == []


def flap(world: World, times: int, host: str = HOST) -> None:
    """A host goes from one xTR to another and back, each time with another set."""
    for number in range(times):
        etr = (A, B)[number % 2]
        world.register(etr, record(host, etr.host, f"198.51.100.{1 + number % 250}"))


def test_each_eid_prefix_has_its_bound() -> None:
    world = World(history=HistoryLimits(moves_per_eid=3))
    moves_to(world, A, "10.1.9.9/32")
    moves_to(world, B, "10.1.9.9/32")
    flap(world, 40)
    assert len(told(world)) == 3
    assert world.store.moves.count(EID) == 3
    assert len(told(world, "10.1.9.9/32")) == 1


def test_all_together_have_a_bound_and_the_oldest_gives_way() -> None:
    world = World(history=HistoryLimits(moves=5))
    for number in range(20):
        flap(world, 2, f"10.1.7.{number}/32")
    assert len(world.store.moves) == 5
    assert told(world, "10.1.7.14/32") == []
    assert len(told(world, "10.1.7.15/32")) == 1


def test_what_is_older_than_the_retention_is_forgotten_in_time() -> None:
    world = World(history=HistoryLimits(retention_seconds=3_600))
    flap(world, 2)
    world.pass_time(3_000)
    flap(world, 2, "10.1.9.9/32")
    assert len(told(world)) == 1
    world.pass_time(600)
    assert told(world) == []
    assert len(world.store.moves) == 1
    world.pass_time(3_000)
    assert len(world.store.moves) == 0
    assert world.engine.next_deadline() is None


def test_switched_off_nothing_is_remembered_and_what_was_is_forgotten() -> None:
    world = World()
    for number in range(250):
        flap(world, 3, f"10.1.7.{number}/32")
    assert len(world.store.moves) == 500
    world.engine.reconfigure(replace(DEFAULTS, history=None), world.now)
    assert told(world) == []
    world.pass_time(1)
    assert len(world.store.moves) == 0
    flap(world, 4)
    assert len(world.store.moves) == 0


def test_a_lower_bound_drops_what_is_over_it() -> None:
    world = World()
    for number in range(9):
        flap(world, 2, f"10.1.7.{number}/32")
    world.engine.reconfigure(replace(DEFAULTS, history=HistoryLimits(moves=4)), world.now)
    world.pass_time(1)
    assert len(world.store.moves) == 4


def test_the_history_is_state_like_any_other() -> None:
    world = World()
    flap(world, 4)
    copy = PureStore()
    copy.apply(world.store.take_changes()[1], 0.0)
    assert [one.facts for one in copy.moves.of(EID)] == [
        one.facts for one in world.store.moves.of(EID)
    ]


def test_a_move_survives_packing_and_damage_is_found() -> None:
    previous = tuple(
        Mover(b"\0" + bytes([n]) * 4, f"2001:db8::{n}") for n in range(1, 1 + PREVIOUS_LIMIT)
    )
    move = Move(EID, 2**40, "s" * 63, previous, Mover(bytes(16), "192.0.2.1"), merge_conflict=True)
    octets = move.pack()
    assert Move.unpack(EID, octets) == move
    for end in range(len(octets)):
        with pytest.raises(ValueError, match="damaged move"):
            Move.unpack(EID, octets[:end])


def test_of_many_former_xtrs_a_few_are_named() -> None:
    world = World()
    for number in range(1, 21):
        moves_to(world, xtr(number), merge_request=True)
    moves_to(world, xtr(99))
    (move,) = world.engine.moves(EID, world.now)
    assert len(move.previous) == PREVIOUS_LIMIT
