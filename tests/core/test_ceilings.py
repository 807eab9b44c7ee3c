"""Ceilings on more-specifics beside those of each EID-Prefix: of a site, of the node, in octets."""

from __future__ import annotations

from mapsys.core.effects import NearLimit, Refused, Send
from mapsys.core.more_specifics import Ceilings
from mapsys.wire.records import EidRecord
from tests.core.world import ONE, TWO, Etr, World, of, record, site

SITES = (
    site("one", ONE, "10.1.0.0/16", "2001:db8:1::/48"),
    site("two", TWO, "10.2.0.0/16"),
)
TWO_ETR = Etr(host="192.0.2.2", key=TWO)


def at(number: int, locators: int = 1) -> EidRecord:
    return record(f"10.1.{number}.0/24", *(f"192.0.2.{n}" for n in range(1, locators + 1)))


def refused(world: World, etr: Etr, *records: EidRecord, **flags: bool) -> Refused | None:
    """The refusal of one Map-Register; None where it is acknowledged."""
    effects = world.register(etr, *records, **flags)
    found = of(Refused, effects)
    assert bool(found) != bool(of(Send, effects))
    return found[0] if found else None


def test_a_site_holds_so_many_in_all_its_prefixes() -> None:
    world, etr = World(sites=SITES, more_specifics=Ceilings(per_site=3)), Etr()
    assert refused(world, etr, at(1), record("2001:db8:1:1::/64", "192.0.2.1")) is None
    assert refused(world, etr, record("10.1.0.0/16", "192.0.2.1")) is None, "a whole one is none"
    no = refused(world, etr, at(2), at(3))
    assert no is not None
    assert (no.reason, str(no.eid)) == ("more-specifics-per-site", "10.1.3.0/24")
    assert "the site would hold more than 3" in no.detail
    assert refused(world, TWO_ETR, record("10.2.1.0/24", "192.0.2.2")) is None
    assert refused(world, etr, at(2)) is None
    assert refused(world, etr, at(4)) is not None
    assert refused(world, etr, at(1)) is None, "what is held is refreshed"
    world.register(etr, record("10.1.1.0/24", ttl=0))
    assert refused(world, etr, at(4)) is None, "a withdrawal makes room"


def test_the_node_holds_so_many_of_all_sites() -> None:
    world = World(sites=SITES, more_specifics=Ceilings(total=2))
    assert refused(world, Etr(), at(1), at(2)) is None
    no = refused(world, TWO_ETR, record("10.2.1.0/24", "192.0.2.2"))
    assert no is not None
    assert (no.reason, no.site) == ("more-specifics-total", "two")
    assert "the node would hold more than 2" in no.detail
    assert refused(world, TWO_ETR, record("10.2.0.0/16", "192.0.2.2")) is None


def test_a_reload_and_a_restart_count_what_is_held() -> None:
    world, etr = World(sites=SITES), Etr()
    assert refused(world, etr, at(1), at(2, 8)) is None
    octets = len(at(1).octets()) + len(at(2, 8).octets())
    lower = World(sites=SITES, more_specifics=Ceilings(total=2, octets=octets)).engine.settings
    world.engine.reconfigure(lower, world.now)
    assert refused(world, etr, at(3)) is not None
    no = refused(world, etr, at(1, 2))
    assert no is not None, "one octet more is too much"
    assert no.reason == "more-specifics-octets"
    assert (world.engine.more_specifics, world.engine.more_specifics_octets) == (2, octets)
    assert refused(world, etr, at(2, 7)) is None, "less is always taken"
    assert refused(world, etr, at(1, 2)) is None, "and what it freed can be used"


def test_octets_are_those_of_what_is_held_whatever_became_of_it() -> None:
    one = len(at(1).octets())
    world = World(sites=SITES, more_specifics=Ceilings(octets=4 * one))
    etr, other = Etr(), Etr(host="192.0.2.9")
    for _ in range(20):
        assert refused(world, etr, at(1)) is None
        assert refused(world, other, record("10.1.1.0/24", "192.0.2.9")) is None, "it moves"
        assert refused(world, other, record("10.1.1.0/24", "192.0.2.9", ttl=0)) is None
        for number in (2, 3, 4, 5):
            assert refused(world, etr, at(number)) is None
        assert refused(world, etr, at(6)) is not None
        world.pass_time(181)
        assert len(world.store) == 0


def test_the_operator_hears_once_when_a_ceiling_comes_near() -> None:
    one = len(at(1).octets())
    ceilings = Ceilings(per_site=5, total=10, octets=10 * one)
    world, etr, heard = World(sites=SITES, more_specifics=ceilings), Etr(), []
    for number in range(1, 6):
        heard.extend(of(NearLimit, world.register(etr, at(number))))
    assert heard == [NearLimit(None, "one", 4, 5, "more-specifics of the site")]
    heard.clear()
    for number in range(1, 6):
        effects = world.register(TWO_ETR, record(f"10.2.{number}.0/24", "192.0.2.2"))
        heard.extend(of(NearLimit, effects))
    assert sorted((near.what, near.site, near.held) for near in heard) == [
        ("more-specifics of the node", "two", 8),
        ("more-specifics of the site", "two", 4),
        ("octets of more-specifics of the node", "two", 8 * one),
    ]
