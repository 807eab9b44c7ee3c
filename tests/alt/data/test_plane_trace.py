"""A hop whose turn it is names itself to who traces, and to nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alt.effects import FibChange, Local, Via
from alt.fib import Fib
from alt.plane import AltPlane, PlaneLimits
from alt.plane_effects import Deliver, DropCounted, Forward, PlaneEffect, SendNegative
from alt.plane_trace import NO_ROUTE, TRACE_MARK, Hop, hop_report, read_hop_report
from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Rate
from mapsys.eid import EidPrefix
from mapsys.wire.address import DistinguishedName, NoAddress
from mapsys.wire.cursor import Reader
from mapsys.wire.map_reply import MapReply
from mapsys.wire.records import EidRecord
from tests.alt.data.packets import ITR, alt_packet, map_request

LONG_NAME = "a-name-of-more-than-thirty-octets.example"


def plane(limits: PlaneLimits | None = None, node: str = "mspa") -> AltPlane:
    fib = Fib(0)
    for prefix, target in (
        ("198.18.0.0/19", Via("arin")),
        ("198.18.0.0/21", Local("aggregate-hole")),
        ("198.18.1.0/24", Local("site")),
        ("198.18.2.0/24", Via("etr1")),
        ("198.18.5.0/24", Local("moved-hole")),
        ("2001:db8:e001::/48", Local("site")),
    ):
        fib.apply(FibChange(EidPrefix.parse(prefix), target))
    return AltPlane(0, fib, lambda _eid: False, limits or PlaneLimits.off(), node=node)


def tracing(eid: str, *, hop_limit: int = 1, nonce: int = 7, marked: bool = True) -> bytes:
    request = map_request(eid, nonce=nonce)
    request = replace(request, source_eid=TRACE_MARK if marked else NoAddress())
    return alt_packet(eid, request.octets(), hop_limit=hop_limit, source_port=61000)


def only(effects: list[PlaneEffect]) -> PlaneEffect:
    (effect,) = effects
    return effect


@pytest.mark.parametrize(
    ("eid", "prefix", "does", "is_last"),
    [
        ("198.18.2.9", "198.18.2.0/24", "via etr1", False),
        ("198.18.9.9", "198.18.0.0/19", "via arin", False),
        ("198.18.5.9", "198.18.5.0/24", "moved-hole", False),
        ("198.18.1.9", "198.18.1.0/24", "site", True),
        ("198.18.7.9", "198.18.0.0/21", "aggregate-hole", True),
        ("203.0.113.9", "203.0.113.9", NO_ROUTE, True),
        ("2001:db8:e001::9", "2001:db8:e001::/48", "site", True),
    ],
)
def test_a_hop_tells_its_name_the_matching_prefix_and_what_it_does(
    eid: str, prefix: str, does: str, is_last: bool
) -> None:
    effect = only(plane().packet("ripe", tracing(eid), 0.0))
    assert isinstance(effect, SendNegative)
    assert effect.destination == Endpoint(ITR, 61000)
    reply = MapReply.read(Reader(effect.data))
    assert reply.nonce == 7
    hop = read_hop_report(reply)
    assert hop == Hop("mspa", EidPrefix.parse(prefix), does)
    assert hop.is_last is is_last
    assert not any(record.rlocs or record.record_ttl_minutes for record in reply.records)


def test_before_its_turn_a_tracing_request_travels_like_any_other() -> None:
    forwarded = only(plane().packet("ripe", tracing("198.18.2.9", hop_limit=2), 0.0))
    assert isinstance(forwarded, Forward)
    assert isinstance(
        only(plane().packet("ripe", tracing("198.18.1.9", hop_limit=2), 0.0)), Deliver
    )


def test_other_requests_whose_hops_are_used_up_tell_nothing() -> None:
    effect = only(plane().packet("ripe", tracing("198.18.2.9", marked=False), 0.0))
    assert effect == DropCounted("ripe", "hop-limit")


def test_reports_are_limited_as_negative_answers_are() -> None:
    limits = replace(PlaneLimits.off(), negatives_per_destination=Rate(1, 1))
    tight = plane(limits)
    assert isinstance(only(tight.packet("ripe", tracing("198.18.2.9"), 0.0)), SendNegative)
    second = only(tight.packet("ripe", tracing("198.18.2.9", nonce=8), 0.0))
    assert second == DropCounted("ripe", "negative-limit")


def test_a_report_asks_for_what_it_was_sent_to() -> None:
    request = replace(map_request("198.18.1.5"), source_eid=TRACE_MARK)
    packet = alt_packet("198.18.2.5", request.octets(), hop_limit=1)
    assert only(plane().packet("ripe", packet, 0.0)) == DropCounted("ripe", "wrong-eid")


def test_long_names_are_cut() -> None:
    effect = only(plane(node=LONG_NAME).packet("ripe", tracing("198.18.2.9"), 0.0))
    assert isinstance(effect, SendNegative)
    hop = read_hop_report(MapReply.read(Reader(effect.data)))
    assert hop is not None
    assert hop.node == LONG_NAME[:30]


def test_other_map_replies_are_no_reports() -> None:
    good = MapReply.read(
        Reader(hop_report(7, Hop("mspa", EidPrefix.parse("198.18.0.0/19"), "site")))
    )
    prefix, node, does = good.records
    name_first = EidRecord(0, DistinguishedName(b"x"), 3)
    for records in (
        (),
        (prefix, node),
        (prefix, prefix, does),
        (prefix, node, prefix),
        (prefix, replace(node, record_ttl_minutes=1), does),
        (name_first, node, does),
    ):
        assert read_hop_report(replace(good, records=records)) is None
