"""The short way for refreshes does exactly what the long way does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mapsys.core.effects import Datagram, Dropped, Effect, Endpoint, Refreshed
from mapsys.core.limiter import Limits, Rate
from mapsys.core.site import EidRule, LispSite, Replay, SiteKey
from mapsys.eid import EidPrefix
from tests.core.world import (
    ONE,
    SERVER,
    Etr,
    World,
    drop_reason,
    notifies,
    of,
    record,
    site_one,
)

HERE = Endpoint("192.0.2.1", 4342)
RECORDS = (record("10.1.0.0/16", "192.0.2.1"), record("10.1.2.0/24", "192.0.2.1", ttl=5))


def learned(world: World, etr: Etr, **flags: bool) -> Callable[[bytes], list[Effect] | None]:
    world.register(etr, *RECORDS, **flags)
    (refreshed,) = of(Refreshed, world.register(etr, *RECORDS, **flags))
    again = refreshed.again
    assert again is not None

    def hear(data: bytes, mac_good: bool | None = None) -> list[Effect] | None:
        return again(Datagram(data, HERE, SERVER, mac_good), world.now)

    return hear


@pytest.mark.parametrize(
    ("algorithm_id", "mac_length"), [(1, 12), (1, 20), (2, 16), (2, 32), (3, 16)]
)
@pytest.mark.parametrize("xtr_id", [None, b"\x09" * 16])
def test_both_ways_send_the_same_octets_and_leave_the_same_store(
    algorithm_id: int, mac_length: int, xtr_id: bytes | None
) -> None:
    stores = []
    sent = []
    for short in (True, False):
        world = World()
        etr = Etr(algorithm_id=algorithm_id, mac_length=mac_length, xtr_id=xtr_id)
        hear = learned(world, etr)
        world.now += 50
        data = etr.message(*RECORDS)
        effects = hear(data) if short else world.hear(data, HERE)
        assert effects is not None
        sent.append([(n[1].data, n[1].destination, n[1].source) for n in notifies(effects)])
        stores.append([(m.eid, m.published, m.registrations) for m in world.store.scan(None, 9)])
    assert sent[0] == sent[1]
    assert stores[0] == stores[1]


def test_it_moves_deadlines_and_makes_no_object_of_the_message() -> None:
    world = World()
    etr = Etr()
    hear = learned(world, etr, use_ttl_for_timeout=True)
    world.now += 200
    assert hear(etr.message(*RECORDS, use_ttl_for_timeout=True)) is not None
    deadlines = [m.registrations[0].deadline for m in world.store.scan(None, 9)]
    assert deadlines == [world.now + 1440 * 60, world.now + 300]


def test_without_m_bit_nothing_is_sent() -> None:
    world = World()
    etr = Etr()
    hear = learned(world, etr, want_map_notify=False)
    effects = hear(etr.message(*RECORDS, want_map_notify=False))
    assert effects is not None
    assert [type(e) for e in effects] == [Refreshed]


def test_the_core_looks_itself_at_what_is_not_plain() -> None:
    world = World()
    etr = Etr()
    hear = learned(world, etr)
    data = etr.message(*RECORDS)
    assert drop_reason(hear(data[:-1] + b"\x99") or []) == "authentication-failed"
    assert drop_reason(hear(data, mac_good=False) or []) == "authentication-failed"
    world.engine.set_writable(False)
    assert hear(data) is None
    world.engine.set_writable(True)
    assert hear(data, mac_good=True) is not None


def test_replays_are_left_to_the_core() -> None:
    strict = World(sites=(site_one(replay=Replay.STRICT),))
    etr = Etr()
    hear = learned(strict, etr)
    assert hear(etr.message(*RECORDS, nonce=1)) is None
    assert hear(etr.message(*RECORDS, nonce=100)) is not None
    assert drop_reason(strict.hear(etr.message(*RECORDS, nonce=100), HERE)) == "replayed"
    auto = World()
    etr = Etr()
    hear = learned(auto, etr)
    first = etr.message(*RECORDS, nonce=50)
    assert hear(first) is not None
    assert hear(first) is not None
    assert hear(etr.message(*RECORDS, nonce=51)) is not None
    assert hear(first) is None
    assert drop_reason(auto.hear(first, HERE)) == "replayed"


def test_what_another_way_in_has_set_is_superseded_too() -> None:
    world = World()
    etr = Etr(xtr_id=b"\x01" * 16)
    hear = learned(world, etr)
    through_the_core = etr.message(*RECORDS, nonce=70)
    world.hear(through_the_core, Endpoint("192.0.2.9", 4342))
    assert hear(etr.message(*RECORDS, nonce=71)) is not None
    assert drop_reason(world.hear(through_the_core, HERE)) == "replayed"


def test_a_key_that_ran_out_is_left_to_the_core() -> None:
    key = SiteKey(0, frozenset({2}), ONE, valid_until=1010.0)
    rule = EidRule(EidPrefix.parse("10.1.0.0/16"), accept_more_specifics=True)
    world = World(sites=(LispSite("one", (key,), (rule,)),))
    etr = Etr()
    hear = learned(world, etr)
    world.now = 1010.0
    assert hear(etr.message(*RECORDS)) is None


def test_it_takes_from_the_sites_budget() -> None:
    world = World(limits=Limits(None, None, None, Rate(1, 3)))
    etr = Etr()
    hear = learned(world, etr)
    assert hear(etr.message(*RECORDS)) is not None
    effects = hear(etr.message(*RECORDS))
    assert effects is not None
    assert [type(e) for e in effects] == [Dropped]


def test_no_short_way_for_merged_late_or_withdrawn() -> None:
    world = World()
    a, b = Etr(xtr_id=b"\x01" * 16), Etr(host="192.0.2.2", xtr_id=b"\x02" * 16)
    world.register(a, record("10.1.0.0/16", "192.0.2.1"), merge_request=True)
    world.register(b, record("10.1.0.0/16", "192.0.2.2"), merge_request=True)
    effects = world.register(a, record("10.1.0.0/16", "192.0.2.1"), merge_request=True)
    assert of(Refreshed, effects)[0].again is None
    assert len(notifies(effects)[0][0].records[0].rlocs) == 2
    nothing = world.register(
        Etr(host="192.0.2.7", key=ONE), record("10.1.3.0/24", "192.0.2.7", ttl=0)
    )
    assert of(Refreshed, nothing)[0].again is None
