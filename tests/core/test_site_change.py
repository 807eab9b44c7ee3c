"""One site changed while the node runs: exactly what a whole new configuration would do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsys.core.effects import Expired, Registered
from mapsys.core.engine import Engine
from mapsys.core.resolution import Why
from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key
from tests.core.world import (
    DEFAULTS,
    ONE,
    Etr,
    World,
    drop_reason,
    notifies,
    of,
    record,
    refusal_reason,
    site,
    site_one,
    site_two,
)

THREE = Key(b"the key of site three")


def held(world: World) -> list[str]:
    return [str(mapping.eid) for mapping in world.store.scan(None, 100)]


def test_a_new_site_registers_at_once_and_what_lay_in_its_place_goes() -> None:
    world = World()
    world.register(Etr(), record("10.1.3.0/24", "192.0.2.1"))
    world.register(Etr(), record("10.1.4.0/24", "192.0.2.1"))
    three = site("three", THREE, "10.1.3.0/24")
    effects = world.engine.change_site("three", three, world.now)
    assert [str(one.eid) for one in of(Expired, effects)] == ["10.1.3.0/24"]
    assert held(world) == ["10.1.4.0/24"]
    registered = world.register(Etr(key=THREE), record("10.1.3.0/24", "192.0.2.3"))
    assert notifies(registered)
    assert world.engine.sites.named("three") == three


def test_a_site_taken_out_leaves_nothing_behind() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    effects = world.engine.change_site("one", None, world.now)
    assert len(of(Expired, effects)) == 1
    assert held(world) == []
    assert world.engine.resolve(EidPrefix.parse("10.1.0.1")).why is Why.NOT_LISP
    assert drop_reason(world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))) == "no-site"


def test_a_prefix_given_back_is_no_longer_registered() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    world.register(Etr(), record("2001:db8:1::/48", "192.0.2.1"))
    world.engine.change_site("one", site("one", ONE, "2001:db8:1::/48"), world.now)
    assert held(world) == ["2001:db8:1::/48"]


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (site("three", THREE, "10.3.0.0/16", "10.2.0.0/16"), "two sites hold 10.2.0.0/16"),
        (
            site("three", THREE, "10.3.0.0/16", static=(record("10.4.0.0/16", "192.0.2.1"),)),
            "static mapping 10.4.0.0/16 is not inside site 'three'",
        ),
        (
            site("three", THREE, "10.1.5.0/24"),
            "static mapping 10.1.5.0/24 of site 'one' would not be inside its site any more",
        ),
    ],
)
def test_a_site_that_cannot_stand_beside_the_others_changes_nothing(
    new: LispSite, why: str
) -> None:
    world = World(sites=(site_one(static=(record("10.1.5.0/24", "192.0.2.1"),)), site_two()))
    world.engine.settle(world.now)
    before = held(world)
    for attempt in (
        lambda: world.engine.check_site("three", new),
        lambda: world.engine.change_site("three", new, world.now),
    ):
        with pytest.raises(ValueError, match=why):
            attempt()
    assert world.engine.sites.named("three") is None
    assert world.engine.resolve(EidPrefix.parse("10.3.0.1")).why is Why.NOT_LISP
    assert held(world) == before


def test_static_mappings_come_and_go_with_their_site() -> None:
    world = World()
    new = site("three", THREE, "10.3.0.0/16", static=(record("10.3.5.0/24", "192.0.2.1"),))
    effects = world.engine.change_site("three", new, world.now)
    assert [str(one.eid) for one in of(Registered, effects)] == ["10.3.5.0/24"]
    assert held(world) == ["10.3.5.0/24"]
    world.engine.change_site("three", site("three", THREE, "10.3.0.0/16"), world.now)
    assert held(world) == []


def test_limits_count_what_is_inside_after_a_change_as_before() -> None:
    world = World(sites=(site_one(),))
    etr = Etr()
    for n in range(3):
        world.register(etr, record(f"10.1.{n}.0/24", "192.0.2.1"))
    rule = EidRule(EidPrefix.parse("10.1.0.0/16"), True, more_specifics_limit=3)
    limited = replace(site_one(), rules=(rule,))
    world.engine.change_site("one", limited, world.now)
    refused = world.register(etr, record("10.1.9.0/24", "192.0.2.1"))
    assert refusal_reason(refused) == "more-specifics-limit"
    inner = site("three", THREE, "10.1.0.0/24")
    world.engine.change_site("three", inner, world.now)
    assert notifies(world.register(etr, record("10.1.9.0/24", "192.0.2.1")))


PREFIXES = ("10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.2.0/24", "10.2.0.0/16")
sites_drawn = st.builds(
    lambda name, prefixes, more: LispSite(
        name,
        (SiteKey(0, frozenset({2}), ONE),),
        tuple(EidRule(EidPrefix.parse(one), more) for one in prefixes),
    ),
    st.sampled_from("abc"),
    st.sets(st.sampled_from(PREFIXES), min_size=1, max_size=3).map(sorted),
    st.booleans(),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(sites_drawn, st.booleans()), max_size=8))
def test_changes_one_by_one_end_where_a_new_configuration_does(
    steps: list[tuple[LispSite, bool]],
) -> None:
    world = World(sites=())
    wanted: dict[str, LispSite] = {}
    etr = Etr()
    for drawn, keep in steps:
        new = drawn if keep else None
        others = [one for name, one in wanted.items() if name != drawn.name]
        taken = {rule.prefix for one in others for rule in one.rules}
        try:
            world.engine.change_site(drawn.name, new, world.now)
        except ValueError:
            assert new is not None
            assert taken & {rule.prefix for rule in new.rules}
            continue
        wanted = {one.name: one for one in (*others, *([new] if new else []))}
        for prefix in (*PREFIXES, "10.1.1.7/32"):
            world.register(etr, record(prefix, "192.0.2.1"))
    again = Engine(world.store, replace(DEFAULTS, sites=tuple(wanted.values())), lambda: 1)
    assert again.settle(world.now) == []
    for one in wanted.values():
        for rule in one.rules:
            inside = again.more_specifics_held(rule.prefix)
            assert world.engine.more_specifics_held(rule.prefix) == inside
