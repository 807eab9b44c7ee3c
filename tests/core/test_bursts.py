"""Quick registration: what an honest site sends in a hurry is served under the default budgets."""

from __future__ import annotations

from mapsys.core.effects import Dropped, Refused, Registered
from mapsys.core.limiter import Limits
from mapsys.wire.auth import Key
from tests.core.world import Etr, World, notifies, of, record, rloc, site, site_one, site_two

QUICK_INTERVAL_SECONDS = 20.0
"""What some xTRs fall back to for a while after a start (RFC 9301, 8.2)."""

SITES = 200


def test_a_site_that_registers_every_20_seconds_is_served() -> None:
    world = World(limits=Limits())
    etr = Etr()
    for number in range(90):
        effects = world.register(etr, record("10.1.0.0/16", rloc("192.0.2.1", weight=number)))
        assert len(notifies(effects)) == 1
        world.pass_time(QUICK_INTERVAL_SECONDS)


def test_200_sites_that_start_within_a_second_are_all_served() -> None:
    keys = [Key(f"the key of site {number}".encode()) for number in range(SITES)]
    sites = tuple(site(f"s{number}", key, f"10.9.{number}.0/24") for number, key in enumerate(keys))
    world = World(limits=Limits(), sites=(site_one(), site_two(), *sites))
    registered = 0
    for _again in range(5):
        for number, key in enumerate(keys):
            etr = Etr(host=f"192.0.2.{1 + number % 250}", key=key)
            effects = world.register(etr, record(f"10.9.{number}.0/24", etr.host))
            assert not of(Dropped, effects)
            assert not of(Refused, effects)
            assert len(notifies(effects)) == 1
            registered += len(of(Registered, effects))
            world.pass_time(1.0 / SITES)
    assert registered == SITES


def test_a_site_that_brings_back_all_its_hosts_at_once_is_served() -> None:
    world = World(limits=Limits())
    etr = Etr()
    for number in range(2_000):
        host = f"10.1.{number // 250}.{number % 250}/32"
        assert len(notifies(world.register(etr, record(host, "192.0.2.1")))) == 1
    assert len(world.store) == 2_000
