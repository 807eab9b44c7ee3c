"""What is counted and what is dropped when a store is found filled, against looking at each."""

from __future__ import annotations

import random

import pytest

from mapsys.core.details import STATIC, Details
from mapsys.core.effects import Endpoint
from mapsys.core.more_specifics import MoreSpecifics, octets_of
from mapsys.core.permitted import is_allowed, no_longer_allowed
from mapsys.core.site import EidRule, LispSite, SiteTable
from mapsys.eid import EidPrefix
from mapsys.store import Store
from tests.engines import current_store

SITES = ("one", "two", "three", "gone")


def details(site: str, flags: int) -> bytes:
    here = Endpoint("192.0.2.1", 4342)
    return Details(site, 0, 2, 16, flags, 180, 1_700_000_000, here, here, bytes(8)).pack()


def prefix_among(source: random.Random) -> EidPrefix:
    """One of few enough that they nest, lie side by side and are met again."""
    length = source.choice((4, 8, 9, 12, 16, 20, 24))
    return EidPrefix.masked(
        source.choice((0, 0, 7)),
        EidPrefix.parse("10.0.0.0/8").family,
        10 << 24 | source.randrange(8) << 20 | source.randrange(4) << 14,
        length,
    )


def sites_among(source: random.Random) -> SiteTable:
    prefixes = list({prefix_among(source) for _ in range(source.randrange(1, 12))})
    rules = [EidRule(prefix, source.random() < 0.8) for prefix in prefixes]
    return SiteTable(
        LispSite(name, (), tuple(rules[number::3]), enabled=source.random() < 0.8)
        for number, name in enumerate(SITES[:3])
        if rules[number::3]
    )


def filled(source: random.Random, sites: SiteTable) -> Store:
    store = current_store()
    for _ in range(source.randrange(60)):
        eid = prefix_among(source)
        match = sites.longest_match(eid)
        site = match[0].name if match and source.random() < 0.95 else source.choice(SITES)
        record = bytes(source.randrange(1, 90))
        store.put(
            eid,
            source.choice((b"one", b"two")),
            record=record,
            details=details(site, STATIC if source.random() < 0.03 else 0),
            digest=bytes(16),
            deadline=180.0,
            published=record,
        )
    return store


@pytest.mark.parametrize("seed", range(300))
def test_the_short_way_finds_what_looking_at_each_finds(seed: int) -> None:
    source = random.Random(seed)
    sites = sites_among(source)
    store = filled(source, sites)
    everything = store.scan(None, 1_000)
    assert list(no_longer_allowed(store, sites)) == [
        (mapping.eid, held.registrant)
        for mapping in everything
        for held in mapping.registrations
        if not is_allowed(mapping.eid, held, sites)
    ]
    counts = MoreSpecifics(store, sites)
    octets = 0
    for _, rule in sites.rules():
        above = [
            mapping
            for mapping in everything
            if (match := sites.longest_match(mapping.eid)) is not None
            and match[1] == rule
            and mapping.eid != rule.prefix
        ]
        assert counts.held(rule) == len(above)
        octets += sum(map(octets_of, above))
    assert counts.octets == octets


def test_what_is_dropped_may_be_removed_meanwhile() -> None:
    for seed in range(40):
        source = random.Random(seed)
        sites = sites_among(source)
        store = filled(source, sites)
        for eid, registrant in no_longer_allowed(store, sites):
            mapping = store.get(eid)
            assert mapping is not None
            left = len(mapping.registrations) > 1
            store.withdraw(eid, registrant, published=b"left" if left else None)
        assert all(
            is_allowed(mapping.eid, held, sites)
            for mapping in store.scan(None, 1_000)
            for held in mapping.registrations
        )
