"""What an operator may decide: static mappings, PETRs, PITRs, the A bit, warnings, key rotation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapsys.core.effects import Answered, Dropped, Expired, NearLimit, Oversized, Registered, Send
from mapsys.core.engine import Engine
from mapsys.core.limiter import UNLIMITED, Limits, Rate
from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key
from mapsys.wire.records import Action
from tests.core.world import (
    DEFAULTS,
    ONE,
    Etr,
    World,
    notifies,
    of,
    record,
    refusal_reason,
    rloc,
    site_one,
    site_two,
)

STATIC = record("10.1.5.0/24", rloc("192.0.2.66", local=True), ttl=60)


def world_with_static() -> World:
    world = World(sites=(site_one(static=(STATIC,)), site_two()))
    world.engine.install_static(world.now)
    return world


def test_a_static_mapping_is_answered_for_and_never_expires() -> None:
    world = world_with_static()
    assert not of(Expired, world.pass_time(86_400 * 30))
    (rec,) = world.answer("10.1.5.5").records
    assert (str(rec.eid_prefix), rec.record_ttl_minutes) == ("10.1.5.0/24", 60)
    assert not rec.rlocs[0].local


def test_nobody_registers_over_a_static_mapping() -> None:
    world = world_with_static()
    effects = world.register(Etr(), record("10.1.5.0/24", "192.0.2.1"))
    assert refusal_reason(effects) == "static-registration"
    assert refusal_reason(world.register(Etr(), record("10.1.5.0/24", "192.0.2.1", ttl=0))) == (
        "static-registration"
    )
    assert of(Registered, world.register(Etr(), record("10.1.5.7/32", "192.0.2.1")))


def test_installing_again_changes_nothing_and_a_changed_one_is_replaced() -> None:
    world = world_with_static()
    generation = world.store.generation
    assert world.engine.install_static(world.now) == []
    assert world.store.generation == generation
    changed = record("10.1.5.0/24", "192.0.2.67")
    sites = (site_one(static=(changed,)), site_two())
    (registered,) = of(
        Registered, world.engine.reconfigure(replace(DEFAULTS, sites=sites), world.now)
    )
    assert not registered.first
    assert world.answer("10.1.5.5").records[0].rlocs == (rloc("192.0.2.67"),)


def test_a_static_mapping_takes_the_place_of_a_registration_and_goes_with_its_line() -> None:
    world = World()
    world.register(Etr(), record("10.1.5.0/24", "192.0.2.1"))
    sites = (site_one(static=(STATIC,)), site_two())
    world.engine.reconfigure(replace(DEFAULTS, sites=sites), world.now)
    assert world.answer("10.1.5.5").records[0].rlocs == (rloc("192.0.2.66"),)
    assert len(world.store) == 1
    assert world.engine.more_specifics_held(EidPrefix.parse("10.1.0.0/16")) == 1
    effects = world.engine.reconfigure(DEFAULTS, world.now)
    assert [str(e.eid) for e in of(Expired, effects)] == ["10.1.5.0/24"]
    assert len(world.store) == 0


def test_a_static_mapping_outside_its_site_leaves_everything_as_it_was() -> None:
    world = World()
    world.register(Etr(), record("10.1.5.0/24", "192.0.2.1"))
    for bad in (
        record("10.2.0.0/16", "192.0.2.1"),
        record("10.1.0.0/24", *[f"192.0.2.{n}" for n in range(1, 34)]),
    ):
        with pytest.raises(ValueError, match="static mapping"):
            world.engine.reconfigure(
                replace(DEFAULTS, sites=(site_one(static=(bad,)), site_two())), world.now
            )
    assert world.engine.settings == DEFAULTS
    assert len(world.store) == 1


def test_a_map_server_that_is_off_installs_nothing() -> None:
    world = World(sites=(site_one(static=(STATIC,)),), map_server=False)
    assert world.engine.install_static(world.now) == []


def test_a_petr_is_named_in_place_of_natively_forward() -> None:
    petr = (rloc("192.0.2.99", priority=2),)
    world = World(petr=petr)
    for eid, ttl in (("10.9.9.9", 15), ("10.2.0.1", 1)):
        (rec,) = world.answer(eid).records
        assert rec.rlocs == petr
        assert (rec.action, rec.record_ttl_minutes) == (0, ttl)
    denied = World(petr=petr, sites=(site_one(deny_action=Action.DROP_POLICY_DENIED),))
    assert denied.answer("10.1.0.1").records[0].rlocs == ()


def test_a_site_may_keep_pitrs_out() -> None:
    world = World(sites=(site_one(pitr_action=Action.DROP),))
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    assert world.answer("10.1.0.1").records[0].rlocs
    (rec,) = world.answer("10.1.0.1", pitr=True).records
    assert (rec.rlocs, rec.action) == ((), Action.DROP)


@pytest.mark.parametrize(
    ("honours", "asks", "rloc_host", "outcome"),
    [
        (True, True, "192.0.2.1", "forward"),
        (True, False, "192.0.2.1", "proxy-reply"),
        (False, True, "192.0.2.1", "proxy-reply"),
        (True, True, "192.0.2.10", "proxy-reply"),
    ],
)
def test_the_a_bit_is_honoured_where_the_site_says_so_and_an_etr_can_be_reached(
    honours: bool, asks: bool, rloc_host: str, outcome: str
) -> None:
    world = World(sites=(site_one(honour_authoritative=honours),))
    world.register(Etr(), record("10.1.0.0/16", rloc_host))
    effects = world.ask("10.1.0.1", authoritative=asks)
    assert of(Answered, effects)[0].outcome == outcome


def test_a_reply_longer_than_the_path_goes_whole_and_is_counted() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", *[f"2001:db8:f::{n:x}" for n in range(1, 33)]))
    effects = world.ask("10.1.0.1")
    (oversized,) = of(Oversized, effects)
    assert oversized.octets > oversized.room
    assert len(of(Send, effects)) == 1
    assert not of(Oversized, World(path_mtu=1500).ask("10.1.0.1"))


def test_the_operator_hears_once_when_more_specifics_reach_the_threshold() -> None:
    rule = EidRule(
        EidPrefix.parse("10.1.0.0/16"),
        accept_more_specifics=True,
        more_specifics_limit=4,
        more_specifics_warning=2,
    )
    world = World(sites=(LispSite("one", (SiteKey(0, frozenset({2}), ONE),), (rule,)),))
    etr = Etr()
    heard = []
    for n in range(1, 5):
        effects = world.register(etr, record(f"10.1.0.{n}/32", "192.0.2.1"))
        heard.extend(of(NearLimit, effects))
    assert heard == [NearLimit(rule.prefix, "one", 2, 4)]


def test_an_xtr_that_changed_over_to_the_next_secret_is_told_under_it() -> None:
    coming = Key(b"coming")
    key = SiteKey(0, frozenset({1, 2}), ONE, next=coming)
    rule = EidRule(EidPrefix.parse("10.1.0.0/16"), accept_more_specifics=True)
    world = World(sites=(LispSite("one", (key,), (rule,)),))
    rec = record("10.1.0.0/16", "192.0.2.1")
    world.register(Etr(), rec)
    world.register(Etr(key=coming, algorithm_id=1, mac_length=20), rec, nonce=2)
    mover = Etr(host="192.0.2.2", nonces=iter([9]))
    _, (told, send) = notifies(world.register(mover, record("10.1.0.0/16", "192.0.2.2")))
    assert send.destination.host == "192.0.2.1"
    assert told.algorithm_id == 1
    assert coming.verify(send.data)


def test_key_rotation_can_be_watched() -> None:
    coming = Key(b"coming")
    key = SiteKey(0, frozenset({2}), ONE, next=coming)
    rules = (EidRule(EidPrefix.parse("10.1.0.0/16")),)
    world = World(sites=(LispSite("one", (key,), rules),))
    etr = Etr()
    rec = record("10.1.0.0/16", "192.0.2.1")
    world.register(etr, rec)
    world.now += 60
    world.register(etr, rec)
    world.now += 60
    world.register(Etr(key=coming), rec, nonce=99)
    uses = world.engine.key_uses.of("one")
    assert [(u.key_id, u.secret, u.times, u.last_used) for u in uses] == [
        (0, "current", 2, 1060.0),
        (0, "next", 1, 1120.0),
    ]
    assert world.engine.key_uses.of("nobody") == []


def test_what_the_store_holds_at_the_start_is_brought_in_line_with_the_settings() -> None:
    world = world_with_static()
    world.register(Etr(), record("10.1.6.0/24", "192.0.2.1"))
    later = Engine(world.store, replace(DEFAULTS, sites=(site_one(),)), lambda: 1)
    (expired,) = of(Expired, later.settle(world.now))
    assert str(expired.eid) == "10.1.5.0/24"
    assert len(world.store) == 1
    assert later.settle(world.now) == []


def test_a_site_may_have_a_budget_of_its_own_or_none() -> None:
    def served(site_rate: Rate | None) -> int:
        limits = replace(Limits.off(), registers_per_site=Rate(1, 2))
        world = World(limits=limits, sites=(site_one(register_rate=site_rate),))
        effects = [world.register(Etr(), record("10.1.6.0/24", "192.0.2.1")) for _ in range(9)]
        return sum(not of(Dropped, one) for one in effects)

    assert served(None) == 2
    assert served(Rate(1, 5)) == 5
    assert served(UNLIMITED) == 9
