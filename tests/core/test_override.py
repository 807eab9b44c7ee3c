"""Priorities and weights that the Map-Server says instead of those registered."""

from __future__ import annotations

from mapsys.core.effects import Send
from mapsys.core.explain import Topic
from mapsys.core.site import LocatorOverride
from mapsys.wire.address import Ipv4, ip_address
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from tests.core.subscriber import SUBSCRIBABLE, Xtr, subscribable
from tests.core.test_explain import said
from tests.core.world import Etr, World, notifies, of, record, rloc, site_one, site_two


def override(host: str, priority: int, weight: int) -> LocatorOverride:
    address = ip_address(host)
    assert isinstance(address, Ipv4)
    return LocatorOverride(address, priority, weight)


OVERRIDE = (override("192.0.2.2", 7, 11), override("192.0.2.77", 1, 1))
RECORD = record("10.1.0.0/16", rloc("192.0.2.1"), rloc("192.0.2.2", 1, 50))


def told(answer: EidRecord) -> list[tuple[int, int]]:
    return [(one.priority, one.weight) for one in answer.rlocs]


def test_answers_carry_the_override_and_map_notifies_what_was_registered() -> None:
    world = World(sites=(site_one(override=OVERRIDE), site_two()))
    (acknowledged, _), *_ = notifies(world.register(Etr(), RECORD))
    assert told(acknowledged.records[0]) == [(1, 100), (1, 50)]
    (answered,) = world.answer("10.1.2.3").records
    assert told(answered) == [(1, 100), (7, 11)]
    assert answered.record_ttl_minutes == 1440


def test_more_specifics_and_parts_carry_it_too() -> None:
    world = World(sites=(site_one(override=OVERRIDE),))
    world.register(Etr(), RECORD)
    world.register(Etr(), record("10.1.9.0/24", "192.0.2.2"))
    both = world.answer("10.1.2.3").records
    assert [told(one) for one in both] == [[(1, 100), (7, 11)], [(7, 11)]]
    for number in range(100):
        world.register(Etr(), record(f"10.1.{100 + number}.0/24", "192.0.2.1"))
    (part,) = world.answer("10.1.2.3").records
    assert part.mask_len > 16
    assert told(part) == [(1, 100), (7, 11)]


def test_a_merged_set_is_acknowledged_as_registered() -> None:
    world = World(sites=(site_one(override=OVERRIDE),))
    one = Etr(host="192.0.2.1", xtr_id=bytes([1]) * 16)
    two = Etr(host="192.0.2.2", xtr_id=bytes([2]) * 16)
    world.register(one, record("10.1.0.0/16", "192.0.2.1"), merge_request=True)
    effects = world.register(two, record("10.1.0.0/16", "192.0.2.2"), merge_request=True)
    for notify, _ in notifies(effects):
        assert told(notify.records[0]) == [(1, 100), (1, 100)]
    assert told(world.answer("10.1.0.1").records[0]) == [(1, 100), (7, 11)]


def test_it_works_at_once_and_explain_says_so() -> None:
    world = World()
    world.register(Etr(), RECORD)
    assert told(world.answer("10.1.0.1").records[0]) == [(1, 100), (1, 50)]
    world.engine.change_site("one", site_one(override=OVERRIDE), world.now)
    assert told(world.answer("10.1.0.1").records[0]) == [(1, 100), (7, 11)]
    assert said(world, "10.1.0.1", Topic.POLICY) == [
        "one says priority 7 and weight 11 of 192.0.2.2, whatever is registered (override)"
    ]
    world.engine.change_site("one", site_one(), world.now)
    assert told(world.answer("10.1.0.1").records[0]) == [(1, 100), (1, 50)]
    assert said(world, "10.1.0.1", Topic.POLICY) == []


def test_a_request_that_goes_on_to_the_etr_is_none_of_its_business() -> None:
    world = World(sites=(site_one(override=OVERRIDE),))
    world.register(Etr(), RECORD, proxy_map_reply=False)
    (send,) = of(Send, world.ask("10.1.0.1"))
    assert send.destination.host == "192.0.2.1"


def test_subscribers_are_told_of_a_new_override() -> None:
    world = subscribable(SUBSCRIBABLE)
    world.register(Etr(), RECORD)
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16")
    (old,) = [one for one in SUBSCRIBABLE.sites if one.name == "one"]
    assert old.override == ()
    world.engine.change_site("one", site_one(override=OVERRIDE), world.now)
    heard = [decode(send.data) for send in of(Send, world.pass_time(0.1))]
    (published,) = [one for one in heard if isinstance(one, MapNotify)]
    assert told(published.records[0]) == [(1, 100), (7, 11)]
