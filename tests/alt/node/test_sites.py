"""The ALT hears of a site's EID-Prefix when it comes to life and when it dies, of nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from alt.bgp.events import OriginateLocal, WithdrawLocal
from alt.effects import Announce, FibChange, Local, Withdraw
from alt.levels import Level
from alt.node_sites import LiveSites
from mapsys.core.effects import Effect, Moved
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import PLAN, Driven, delegation, eid, mspa
from tests.core.world import DEFAULTS, ONE, TWO, Etr, World, of, record, site

SITE, SITE_6 = "198.18.1.0/24", "2001:db8:e001::/48"
MOVES, HOSTS = 1_000, 125


def world() -> tuple[World, LiveSites]:
    """A provider's Map-Server: one site with a prefix of each family, another inside its IPv4."""
    sites = (
        site("one", ONE, SITE, SITE_6, "02:00:00:00:00:00/24", "[7]198.18.1.0/24"),
        site("two", TWO, "198.18.1.128/28"),
    )
    made = World(replace(DEFAULTS, sites=sites, authority=()))
    return made, LiveSites(made.engine, made.store, {0})


def register(world: World, sites: LiveSites, etr: Etr, prefix: str, **more: int) -> list[object]:
    return list(sites.observe(world.register(etr, record(prefix, etr.host, **more))))


def test_the_first_registration_inside_brings_a_prefix_to_life_and_no_further_one() -> None:
    a, sites = world()
    etr = Etr()
    assert register(a, sites, etr, "198.18.1.7/32") == [OriginateLocal(eid(SITE))]
    for prefix in ("198.18.1.8/32", "198.18.1.0/25", SITE, "198.18.1.7/32"):
        assert register(a, sites, etr, prefix) == []
    assert register(a, sites, etr, "2001:db8:e001:5::/64") == [OriginateLocal(eid(SITE_6))]
    assert sites.live == {eid(SITE), eid(SITE_6)}


def test_the_last_one_to_go_takes_the_prefix_along() -> None:
    a, sites = world()
    etr = Etr()
    for prefix in (SITE, "198.18.1.7/32"):
        register(a, sites, etr, prefix)
    assert register(a, sites, etr, SITE, ttl=0) == []
    assert register(a, sites, etr, "198.18.1.7/32", ttl=0) == [WithdrawLocal(eid(SITE))]
    assert register(a, sites, etr, SITE) == [OriginateLocal(eid(SITE))]
    events = [e for effects in [a.pass_time(200)] for e in sites.observe(effects)]
    assert events == [WithdrawLocal(eid(SITE))]
    assert sites.live == set()


def test_what_lies_in_another_sites_prefix_is_that_sites() -> None:
    a, sites = world()
    assert register(a, sites, Etr(key=TWO), "198.18.1.129/32") == [
        OriginateLocal(eid("198.18.1.128/28"))
    ]
    assert sites.live == {eid("198.18.1.128/28")}


def test_what_the_alt_cannot_carry_is_not_its_matter() -> None:
    a, sites = world()
    assert register(a, sites, Etr(), "02:00:00:00:00:01") == []
    assert register(a, sites, Etr(), "[7]198.18.1.7/32") == []


def test_a_start_finds_what_was_restored_and_a_reload_what_changed() -> None:
    a, earlier = world()
    register(a, earlier, Etr(), "198.18.1.7/32")
    register(a, earlier, Etr(key=TWO), "198.18.1.129/32")
    sites = LiveSites(a.engine, a.store, {0})
    assert sites.recount() == [OriginateLocal(eid(SITE)), OriginateLocal(eid("198.18.1.128/28"))]
    assert sites.recount() == []
    settings = replace(a.engine.settings, sites=a.engine.settings.sites[:1])
    sites.observe(a.engine.reconfigure(settings, a.now))
    assert sites.recount() == [WithdrawLocal(eid("198.18.1.128/28"))]


def test_one_site_that_changes_is_told_as_a_recount_would() -> None:
    a, sites = world()
    sites.recount()
    register(a, sites, Etr(), "198.18.1.7/32")
    register(a, sites, Etr(key=TWO), "198.18.1.129/32")
    names = {"two": ("198.18.1.128/28",), "three": ()}
    chance = random.Random(6836)
    places = ("198.18.1.0/28", "198.18.1.128/25", "198.18.1.128/28", "198.18.1.128/30")
    told = 0
    for _ in range(60):
        name = chance.choice(sorted(names))
        other = "three" if name == "two" else "two"
        free = [place for place in places if place not in names[other]]
        names[name] = tuple(chance.sample(free, chance.randrange(3)))
        new = site(name, TWO, *names[name]) if names[name] else None
        if new is None and a.engine.sites.named(name) is None:
            continue
        sites.observe(a.engine.change_site(name, new, a.now))
        events = sites.site_changed(name, new)
        told += len(events)
        afresh = LiveSites(a.engine, a.store, {0})
        afresh.recount()
        assert sites.live == afresh.live
        assert sites.recount() == []
        if names[name]:  # and life comes back to where it can
            key = TWO if chance.random() < 0.8 else ONE
            place = chance.choice(names[name])
            sites.observe(a.register(Etr(key=key), record(place, "192.0.2.7")))
            sites.observe(a.register(Etr(), record("198.18.1.7/32", "192.0.2.1")))
    assert told > 10


def test_one_site_that_changes_costs_nothing_of_the_others() -> None:
    many = tuple(site(f"s{n}", ONE, f"10.{n >> 8}.{n & 255}.0/24") for n in range(1_000))
    a = World(replace(DEFAULTS, sites=many, authority=()))
    sites = LiveSites(a.engine, a.store, {0})
    sites.recount()
    asked: list[EidPrefix] = []
    engine = a.engine

    def more_specifics_held(prefix: EidPrefix) -> int:
        asked.append(prefix)
        return type(engine).more_specifics_held(engine, prefix)

    engine.more_specifics_held = more_specifics_held  # type: ignore[method-assign]
    sites.observe(engine.change_site("s7", site("s7", TWO, "10.0.7.0/25"), a.now))
    sites.site_changed("s7", engine.sites.named("s7"))
    assert asked == [eid("10.0.7.0/25")]


@pytest.mark.parametrize("merging", [False, True])
def test_a_thousand_hosts_move_and_no_neighbour_hears_a_word(merging: bool) -> None:
    a, sites = world()
    plan = (*PLAN, delegation("2001:db8:e001::/48", Level.SITE, "site-one", "mspa"))
    plan = tuple(replace(d, holder="site-one") if d.block == eid(SITE) else d for d in plan)
    alt = Driven(mspa(delegations=plan, tunnels=mspa().tunnels[:2]))
    alt.up("arin", "ripe")

    def follow(effects: list[Effect]) -> list[object]:
        return [e for event in sites.observe(effects) for e in alt.send(event)]

    etrs = [Etr(f"192.0.2.{number + 1}") for number in range(1 + MOVES // HOSTS)]
    follow(a.register(etrs[0], record(SITE, etrs[0].host)))
    alt.settle()
    assert alt.fib[eid(SITE)] == Local("site")
    effects: list[object] = []
    moved = 0
    for etr in etrs:
        for number in range(HOSTS):
            host = record(f"198.18.1.{number}/32", etr.host)
            taken = a.register(etr, host, merge_request=merging)
            moved += len(of(Moved, taken))
            effects += follow(taken)
            a.now += 0.01
    effects += alt.settle()
    assert moved == (0 if merging else MOVES)
    assert [e for e in effects if isinstance(e, Announce | Withdraw | FibChange)] == []
