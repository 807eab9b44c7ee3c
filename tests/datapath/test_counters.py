"""Counting effects, and the closed set of names."""

from __future__ import annotations

import pytest

from mapsys.core.effects import (
    Answered,
    Dropped,
    Effect,
    Endpoint,
    Expired,
    Inject,
    Moved,
    Refreshed,
    Refused,
    Registered,
    Send,
    Withdrawn,
)
from mapsys.datapath.counters import METRICS, Counters, counter_name, split_name
from mapsys.eid import EidPrefix

EID = EidPrefix.parse("198.18.1.0/24")
FROM = Endpoint("192.0.2.1", 4342)

EFFECTS: list[tuple[Effect, dict[str, int]]] = [
    (Send(b"\x20", FROM), {}),
    (Inject(b"", EID, 0), {"injected": 1}),
    (Dropped(FROM, "MapRequest", "truncated"), {"dropped.MapRequest.truncated": 1}),
    (Refused(FROM, "site-one", EID, "not-configured", ""), {"refused.not-configured": 1}),
    (Registered(EID, "site-one", FROM, first=True), {"registered.first": 1}),
    (Registered(EID, "site-one", FROM, first=False), {"registered.changed": 1}),
    (Refreshed("site-one", 3), {"refreshed": 3}),
    (Withdrawn(EID, "site-one", FROM), {"withdrawn": 1}),
    (Moved(EID, "site-one", FROM, (b"a",), b"b", previous_hosts=("192.0.2.7",)), {"moved": 1}),
    (Expired(EID, "site-one"), {"expired": 1}),
    (
        Answered(EID, "negative", 1),
        {"answered.negative": 1, "replied.natively-forward": 1},
    ),
    (Answered(EID, "proxy-reply"), {"answered.proxy-reply": 1, "replied.none": 1}),
    (Answered(EID, "forward"), {"answered.forward": 1}),
]


@pytest.mark.parametrize(("effect", "expected"), EFFECTS, ids=lambda value: type(value).__name__)
def test_each_effect_is_counted_under_its_name(effect: Effect, expected: dict[str, int]) -> None:
    counters = Counters()
    counters.fold([effect])
    assert counters.totals() == expected


def test_every_name_counted_stands_in_the_closed_set() -> None:
    counters = Counters()
    counters.fold(effect for effect, _ in EFFECTS)
    for name in counters.totals():
        metric, labels = split_name(name)
        assert tuple(labels) == METRICS[metric].labels


def test_map_requests_dealt_with_are_counted_whatever_their_outcome() -> None:
    counters = Counters()
    counters.fold(effect for effect, _ in EFFECTS)
    assert counters.answers == 3


def test_names_are_put_together_and_taken_apart() -> None:
    name = counter_name("dropped", "MapRequest", "truncated")
    assert split_name(name) == ("dropped", {"type": "MapRequest", "reason": "truncated"})
    with pytest.raises(KeyError):
        split_name("no-such-metric")
