"""Replayed Map-Registers: strict by nonce, auto by octets, off by choice (RFC 9301, 5.6)."""

from __future__ import annotations

import pytest

from mapsys.core.details import Details
from mapsys.core.effects import Endpoint, Moved, Refreshed, Registered, Withdrawn
from mapsys.core.site import Replay
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from tests.core.world import Etr, World, drop_reason, notifies, of, record, site_one

HERE = Endpoint("192.0.2.1", 4342)
ELSEWHERE = Endpoint("203.0.113.66", 4342)
REC = record("10.1.0.0/16", "192.0.2.1")
CHANGED = record("10.1.0.0/16", "192.0.2.7")


def strict() -> World:
    return World(sites=(site_one(replay=Replay.STRICT),))


def auto() -> World:
    return World(sites=(site_one(replay=Replay.AUTO),))


def test_strict_needs_a_greater_nonce() -> None:
    world = strict()
    etr = Etr()
    world.register(etr, REC, nonce=10)
    assert drop_reason(world.register(etr, REC, nonce=10)) == "replayed"
    assert drop_reason(world.register(etr, CHANGED, nonce=9)) == "replayed"
    assert of(Refreshed, world.register(etr, REC, nonce=11))


def test_strict_mark_outlives_the_registration_and_a_restart() -> None:
    world = strict()
    etr = Etr()
    world.register(etr, REC, nonce=2**64 - 2)
    world.pass_time(200)
    assert len(world.store) == 0
    rebuilt = PureStore()
    rebuilt.apply(world.store.take_changes()[1], 0.0)
    for store in (world.store, rebuilt):
        assert store.nonce_mark(bytes((0,)) + bytes(16) + b"one") == 2**64 - 2
    assert drop_reason(world.register(etr, REC, nonce=2**64 - 2)) == "replayed"
    assert of(Registered, world.register(etr, REC, nonce=2**64 - 1))


def test_strict_nonce_spaces_are_by_xtr_id() -> None:
    world = strict()
    first = Etr(xtr_id=b"\x01" * 16)
    second = Etr(host="192.0.2.2", xtr_id=b"\x02" * 16)
    world.register(first, REC, nonce=1000)
    assert of(Registered, world.register(second, record("10.1.9.0/24", "192.0.2.2"), nonce=5))
    assert drop_reason(world.register(first, REC, nonce=6)) == "replayed"


def test_without_xtr_id_a_replay_from_elsewhere_meets_the_same_mark() -> None:
    world = strict()
    data = Etr().message(REC, nonce=10)
    world.hear(data, HERE)
    assert drop_reason(world.hear(data, ELSEWHERE)) == "replayed"


def test_a_refused_or_forged_register_does_not_move_the_mark() -> None:
    world = strict()
    etr = Etr()
    world.register(etr, REC, record("10.8.0.0/16", "192.0.2.1"), nonce=1 << 60)
    assert of(Registered, world.register(etr, REC, nonce=1))


def test_algorithm_3_is_strict_in_auto() -> None:
    world = auto()
    etr = Etr(algorithm_id=3)
    world.register(etr, REC, nonce=10)
    assert drop_reason(world.register(etr, REC, nonce=10)) == "replayed"


def test_auto_takes_equal_octets_as_a_refresh() -> None:
    world = auto()
    data = Etr().message(REC, nonce=0)
    world.hear(data, HERE)
    world.now += 60
    effects = world.hear(data, HERE)
    assert of(Refreshed, effects)
    assert notifies(effects)


def test_auto_refuses_what_was_superseded() -> None:
    world = auto()
    old = Etr().message(REC, nonce=1)
    world.hear(old, HERE)
    world.hear(Etr().message(CHANGED, nonce=2), HERE)
    assert drop_reason(world.hear(old, HERE)) == "replayed"
    assert drop_reason(world.hear(old, ELSEWHERE)) == "replayed"
    assert world.answer("10.1.1.1").records[0].rlocs[0].rloc.text == "192.0.2.7"  # type: ignore[union-attr]


def test_auto_refuses_a_superseded_refresh_even_when_nothing_else_changed() -> None:
    world = auto()
    first = Etr().message(REC, nonce=1)
    world.hear(first, HERE)
    world.hear(Etr().message(REC, nonce=2), HERE)
    assert drop_reason(world.hear(first, HERE)) == "replayed"


def test_auto_refuses_a_replayed_withdrawal_and_what_it_withdrew() -> None:
    world = auto()
    there = Etr().message(REC, nonce=1)
    gone = Etr().message(record("10.1.0.0/16", "192.0.2.1", ttl=0), nonce=2)
    world.hear(there, HERE)
    assert of(Withdrawn, world.hear(gone, HERE))
    assert drop_reason(world.hear(there, HERE)) == "replayed"
    world.hear(Etr().message(REC, nonce=3), HERE)
    assert drop_reason(world.hear(gone, HERE)) == "replayed"
    assert len(world.store) == 1


def test_auto_remembers_for_two_lifetimes() -> None:
    world = auto()
    old = Etr().message(REC, nonce=1)
    world.hear(old, HERE)
    world.hear(Etr().message(CHANGED, nonce=2), HERE)
    world.now += 359
    assert drop_reason(world.hear(old, HERE)) == "replayed"


def test_auto_works_with_rising_random_and_constant_nonces() -> None:
    for nonces in ([5, 6, 7], [900, 3, 77], [0, 0, 0]):
        world = auto()
        for nonce in nonces:
            effects = world.register(Etr(), REC, nonce=nonce)
            assert notifies(effects), nonces
            world.now += 60
        assert len(world.store) == 1


def test_a_copy_from_elsewhere_does_not_move_where_notifies_go() -> None:
    world = auto()
    etr = Etr(xtr_id=b"\x07" * 16)
    data = etr.message(REC, nonce=1)
    world.hear(data, HERE)
    world.hear(data, ELSEWHERE)
    mover = Etr(host="192.0.2.2", xtr_id=b"\x08" * 16)
    sent = notifies(world.register(mover, record("10.1.0.0/16", "192.0.2.2"), nonce=9))
    told = [send.destination.host for _, send in sent]
    assert ELSEWHERE.host not in told
    assert HERE.host in told


def test_a_copy_that_came_first_does_not_take_over_what_its_xtr_sends_later() -> None:
    world = auto()
    xtr = Etr()
    world.register(xtr, REC, nonce=1)
    caught = xtr.message(REC, nonce=2)
    world.hear(caught, ELSEWHERE)
    (late,) = of(Refreshed, world.hear(caught, HERE))
    assert late.again is None
    (own,) = of(Refreshed, world.register(xtr, REC, nonce=3))
    assert own.again is not None
    mapping = world.store.get(EidPrefix.parse("10.1.0.0/16"))
    assert mapping is not None
    held = {Details.unpack(r.details).source.host: r.digest for r in mapping.registrations}
    assert held[HERE.host] != held[ELSEWHERE.host]


def test_a_copy_from_elsewhere_does_not_outlive_a_withdrawal() -> None:
    world = auto()
    data = Etr().message(REC, nonce=1)
    world.hear(data, HERE)
    assert of(Refreshed, world.hear(data, ELSEWHERE))
    assert of(Withdrawn, world.register(Etr(), record("10.1.0.0/16", ttl=0), nonce=2))
    assert len(world.store) == 0


def test_a_copy_from_elsewhere_is_no_xtr_that_is_told_of_changes() -> None:
    world = auto()
    data = Etr().message(REC, nonce=1)
    world.hear(data, HERE)
    world.hear(data, ELSEWHERE)
    effects = world.register(Etr(), CHANGED, nonce=2)
    assert not of(Moved, effects)
    assert [send.destination.host for _, send in notifies(effects)] == [HERE.host]


def test_a_copy_of_a_former_registration_from_elsewhere_is_a_replay() -> None:
    world = auto()
    data = Etr().message(REC, nonce=1)
    world.hear(data, HERE)
    world.register(Etr(host="192.0.2.2"), record("10.1.0.0/16", "192.0.2.2"), nonce=2)
    assert of(Refreshed, world.hear(data, HERE))
    assert drop_reason(world.hear(data, ELSEWHERE)) == "replayed"


def test_what_algorithm_3_has_superseded_stays_refused_under_the_older_ones() -> None:
    world = auto()
    old = Etr().message(REC, nonce=1)
    world.hear(old, HERE)
    world.register(Etr(algorithm_id=3), REC, nonce=2)
    world.register(Etr(algorithm_id=3), CHANGED, nonce=3)
    assert drop_reason(world.hear(old, HERE)) == "replayed"


def test_an_xtr_whose_address_changed_is_notified_at_the_new_one() -> None:
    world = auto()
    etr = Etr(xtr_id=b"\x07" * 16)
    world.hear(etr.message(REC, nonce=1), HERE)
    world.hear(etr.message(REC, nonce=2), Endpoint("192.0.2.50", 4342))
    mover = Etr(host="192.0.2.2", xtr_id=b"\x08" * 16)
    sent = notifies(world.register(mover, record("10.1.0.0/16", "192.0.2.2"), nonce=9))
    assert "192.0.2.50" in [send.destination.host for _, send in sent]


def test_off_accepts_again_what_it_has_seen() -> None:
    world = World(sites=(site_one(replay=Replay.OFF),))
    old = Etr().message(REC, nonce=1)
    world.hear(old, HERE)
    world.hear(Etr().message(CHANGED, nonce=2), HERE)
    assert of(Registered, world.hear(old, HERE))


@pytest.mark.parametrize("mode", [Replay.STRICT, Replay.AUTO])
def test_ten_thousand_replays_change_nothing(mode: Replay) -> None:
    world = World(sites=(site_one(replay=mode),))
    etr = Etr()
    captured = []
    for n in range(100):
        data = etr.message(record("10.1.0.0/16", f"192.0.2.{n + 1}"), nonce=n + 1)
        world.hear(data, HERE)
        captured.append(data)
    before = world.store.get(next(m.eid for m in world.store.scan(None, 1)))
    for _ in range(100):
        for data in captured[:-1]:
            assert drop_reason(world.hear(data, ELSEWHERE)) == "replayed"
    assert world.store.get(next(m.eid for m in world.store.scan(None, 1))) == before
