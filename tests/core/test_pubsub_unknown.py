"""Subscriptions to what is not registered, or only in parts (RFC 9437, 5; RFC 9301, 8.4)."""

from __future__ import annotations

from dataclasses import replace

from mapsys.core.effects import Effect, SubscriptionChanged
from mapsys.eid import EidPrefix
from mapsys.wire.map_notify import MapNotify
from tests.core.subscriber import SUBSCRIBABLE, XTR, Xtr, subscribable
from tests.core.world import Etr, World, drop_reason, of, record, rloc, site

ETR = Etr()
LASTING = replace(SUBSCRIBABLE, lifetime_seconds=100_000)


def described(notify: MapNotify) -> list[tuple[str, int, int, int]]:
    """(EID-Prefix, TTL, action, locators) of each record."""
    return [
        (str(r.eid_prefix), r.record_ttl_minutes, r.action, len(r.rlocs)) for r in notify.records
    ]


def changes(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(str(e.eid), str(e.change)) for e in of(SubscriptionChanged, effects)]


def hear(xtr: Xtr) -> list[tuple[str, int]]:
    return [(str(n.records[0].eid_prefix), n.nonce) for n in xtr.hears_of()]


def test_an_eid_of_no_site_subscribes_to_the_least_specific_hole_for_a_time() -> None:
    world = subscribable(LASTING)
    xtr = Xtr(world)
    effects = xtr.asks("10.99.1.1", nonce=50)
    assert changes(effects) == [("10.64.0.0/10", "temporary")]
    (notify,) = xtr.hears(effects)
    assert described(notify) == [("10.64.0.0/10", 15, 1, 0)]
    xtr.acknowledges(notify)
    assert changes(world.pass_time(899.0)) == []
    assert changes(world.pass_time(2.0)) == [("10.64.0.0/10", "expired")]
    assert drop_reason(xtr.asks("10.99.1.1", nonce=50)) == "replayed"
    xtr.subscribes("10.99.1.1", nonce=51)


def test_the_time_is_configurable() -> None:
    xtr = Xtr(subscribable(LASTING, temporary_minutes=2))
    notify = xtr.subscribes("10.99.1.1")
    assert described(notify) == [("10.64.0.0/10", 2, 1, 0)]
    assert changes(xtr.world.pass_time(119.0)) == []
    assert changes(xtr.world.pass_time(2.0)) == [("10.64.0.0/10", "expired")]


def test_asking_again_prolongs_it() -> None:
    xtr = Xtr(subscribable(LASTING))
    xtr.subscribes("10.99.1.1")
    xtr.world.pass_time(800.0)
    xtr.subscribes("10.99.1.1")
    assert changes(xtr.world.pass_time(800.0)) == []
    assert changes(xtr.world.pass_time(101.0)) == [("10.64.0.0/10", "expired")]


def test_what_is_registered_in_the_hole_is_published() -> None:
    world = subscribable(LASTING)
    xtr = Xtr(world)
    notify = xtr.subscribes("10.2.9.9")
    assert described(notify) == [("10.2.0.0/16", 15, 1, 0)]
    two = Etr(key=world.engine.sites.named("two").keys[0].current)  # type: ignore[union-attr]
    world.register(two, record("10.2.0.0/16", "192.0.2.2"))
    assert hear(xtr) == [("10.2.0.0/16", notify.nonce + 1)]
    assert xtr.locators("10.2.0.0/16") == ["192.0.2.2"]


def test_more_specifics_in_the_hole_are_published() -> None:
    xtr = Xtr(subscribable(LASTING))
    notify = xtr.subscribes("10.1.9.9")
    assert described(notify) == [("10.1.0.0/16", 15, 1, 0)]
    xtr.world.register(ETR, record("10.1.9.0/24", "192.0.2.2"))
    xtr.world.register(ETR, record("10.1.8.0/24", "192.0.2.2"))
    assert hear(xtr) == [
        ("10.1.9.0/24", notify.nonce + 1),
        ("10.1.8.0/24", notify.nonce + 2),
    ]


def test_a_petr_is_told_where_it_stands_in_for_what_is_not_lisp() -> None:
    settings = replace(LASTING, petr=(rloc("192.0.2.200"),))
    notify = Xtr(subscribable(settings)).subscribes("10.99.1.1")
    assert described(notify) == [("10.64.0.0/10", 15, 0, 1)]


def partly() -> World:
    """10.1.1.0/24 and 10.1.2.0/24 are registered of 10.0.0.0/8, and one in no common site."""
    world = subscribable(LASTING)
    for eid in ("10.1.1.0/24", "10.1.2.0/24"):
        world.register(ETR, record(eid, "192.0.2.1"))
    two = Etr(key=world.engine.sites.named("two").keys[0].current)  # type: ignore[union-attr]
    world.register(two, record("10.2.0.0/16", "192.0.2.2"))
    return world


def test_a_prefix_of_which_parts_are_registered_is_subscribed_to_as_a_whole() -> None:
    world = partly()
    xtr = Xtr(world)
    effects = xtr.asks("10.0.0.0/8")
    assert changes(effects) == [("10.0.0.0/8", "temporary")]
    (notify,) = xtr.hears(effects)
    assert described(notify) == [
        ("10.0.0.0/8", 15, 2, 0),
        ("10.1.1.0/24", 15, 0, 1),
        ("10.1.2.0/24", 15, 0, 1),
        ("10.2.0.0/16", 15, 0, 1),
    ]
    xtr.acknowledges(notify)
    world.register(ETR, record("10.1.1.0/24", ttl=0))
    world.register(ETR, record("10.1.3.0/24", "192.0.2.1"))
    assert hear(xtr) == [("10.1.1.0/24", notify.nonce + 1), ("10.1.3.0/24", notify.nonce + 2)]


def test_an_unregistered_site_prefix_with_registered_parts_is_meant_as_a_whole() -> None:
    """Its first EID is in a registered part, which must not be taken for the whole."""
    world = subscribable(LASTING)
    world.register(ETR, record("10.1.0.0/24", "192.0.2.1"))
    notify = Xtr(world).subscribes("10.1.0.0/16")
    assert described(notify) == [("10.1.0.0/16", 15, 2, 0), ("10.1.0.0/24", 15, 0, 1)]


def test_the_parts_of_a_whole_that_do_not_fit_follow_to_the_end_and_no_further() -> None:
    sites = (
        site("one", ETR.key, "10.1.0.0/16"),
        site("next", Etr.key, "10.2.0.0/16"),
        site("other instance", Etr.key, "[7]10.1.0.0/16"),
    )
    authority = (EidPrefix.parse("10.0.0.0/8"), EidPrefix.parse("[7]10.0.0.0/8"))
    world = subscribable(replace(LASTING, sites=sites, authority=authority))
    for number in range(300):
        eid = f"10.1.{number // 250}.{number % 250}/32"
        world.register(ETR, record(eid, "192.0.2.1"), proxy_map_reply=number % 2 == 0)
    for eid in ("10.2.0.0/24", "[7]10.1.0.0/24"):
        world.register(ETR, record(eid, "192.0.2.1"))
    xtr = Xtr(world)
    notify = xtr.subscribes("10.1.0.0/16")
    assert described(notify) == [("10.1.0.0/16", 15, 2, 0)]
    assert [eid for eid, _ in hear(xtr)] == [
        f"10.1.{number // 250}.{number % 250}/32" for number in range(0, 300, 2)
    ]
    assert world.store.subscriptions.held_by(XTR) == 1


def test_many_parts_that_are_not_public_do_not_hide_those_that_are() -> None:
    world = subscribable(LASTING)
    for number in range(300):
        eid = f"10.1.{number // 250}.{number % 250}/32"
        world.register(ETR, record(eid, "192.0.2.1"), proxy_map_reply=False)
    world.register(ETR, record("10.1.9.9/32", "192.0.2.1"))
    xtr = Xtr(world)
    assert described(xtr.subscribes("10.1.0.0/16")) == [("10.1.0.0/16", 15, 2, 0)]
    assert [eid for eid, _ in hear(xtr)] == ["10.1.9.9/32"]


def test_a_registration_makes_a_temporary_subscription_last_when_asked_again() -> None:
    xtr = Xtr(subscribable(LASTING))
    xtr.subscribes("10.1.9.9")
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr.hears_of()
    effects = xtr.asks("10.1.9.9")
    assert changes(effects) == [("10.1.0.0/16", "subscribed")]
    for notify in xtr.hears(effects):
        xtr.acknowledges(notify)
    assert changes(xtr.world.pass_time(2_000.0)) == []


def test_what_nobody_here_has_authority_for_is_not_subscribed_to() -> None:
    world = subscribable(LASTING)
    effects = Xtr(world).asks("172.16.0.1")
    assert drop_reason(effects) == "not-authoritative"
    assert len(world.store.subscriptions) == 0
