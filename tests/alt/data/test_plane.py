"""The data plane's decisions, packet by packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alt.effects import FibChange, Local, Via
from alt.fib import Fib
from alt.plane import AltPlane, PlaneLimits
from alt.plane_effects import (
    Deliver,
    DropCounted,
    Forward,
    PlaneEffect,
    SendNegative,
    ToStack,
)
from alt.plane_reasons import PLANE_REASONS
from alt.plane_recent import SUPPRESS_SECONDS, RecentRequests
from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Rate
from mapsys.core.questions import AltHole
from mapsys.eid import EidPrefix
from mapsys.wire.cursor import Reader
from mapsys.wire.ip import parse_ip_udp
from mapsys.wire.map_reply import MapReply
from mapsys.wire.records import Action
from tests.alt.data.packets import ITR, alt_packet, map_request, secured

ROUTES: dict[str, Via | Local] = {
    "0.0.0.0/0": Via("arin"),
    "198.18.0.0/21": Local("aggregate-hole"),
    "198.18.1.0/24": Local("site"),
    "198.18.2.0/24": Via("etr1"),
    "198.18.4.0/24": Local("delegated-hole"),
    "198.18.5.0/24": Local("moved-hole"),
    "198.18.6.0/24": Local("non-lisp-hole"),
    "2001:db8:e000::/40": Local("aggregate-hole"),
    "2001:db8:e001::/48": Local("site"),
}


def plane(
    *,
    complete: bool = True,
    limits: PlaneLimits | None = None,
    instance_id: int = 0,
    versions: frozenset[int] = frozenset({4, 6}),
    routes: dict[str, Via | Local] = ROUTES,
) -> AltPlane:
    """A Mapping Service Provider's plane: one parent, one child, holes of each kind."""
    fib = Fib(instance_id)
    for prefix, target in routes.items():
        fib.apply(FibChange(EidPrefix.parse(prefix, instance_id), target))
    made = AltPlane(instance_id, fib, lambda eid: complete, limits or PlaneLimits.off(), versions)
    made.own_addresses([bytes((10, 255, 0, 13))])
    return made


def only(effects: list[PlaneEffect]) -> PlaneEffect:
    (effect,) = effects
    return effect


def reason(effects: list[PlaneEffect]) -> str:
    effect = only(effects)
    assert isinstance(effect, DropCounted)
    assert effect.reason in PLANE_REASONS
    return effect.reason


@pytest.mark.parametrize("arrival", ["arin", "ripe"])
def test_transit_goes_on_with_one_hop_less(arrival: str) -> None:
    packet = alt_packet("198.18.2.9", hop_limit=32)
    effect = only(plane().packet(arrival, packet, 0.0))
    assert isinstance(effect, Forward)
    assert effect.tunnel == "etr1"
    header, payload = parse_ip_udp(effect.packet)
    assert header.hop_limit == 31
    assert (header.source, header.source_port) == (ITR, 4342)
    assert payload == map_request("198.18.2.9").octets()


def test_a_request_is_never_returned_to_where_it_came_from() -> None:
    assert reason(plane().packet("etr1", alt_packet("198.18.2.9"), 0.0)) == "returned"
    assert reason(plane().packet("arin", alt_packet("203.0.113.1"), 0.0)) == "returned"
    assert reason(plane().packet("arin", alt_packet("198.18.5.1"), 0.0)) == "returned"


@pytest.mark.parametrize("hop_limit", [0, 1])
def test_a_request_whose_hops_are_used_up_ends(hop_limit: int) -> None:
    packet = alt_packet("198.18.2.9", hop_limit=hop_limit)
    assert reason(plane().packet("arin", packet, 0.0)) == "hop-limit"
    # where it ends anyway, the hop limit no longer matters
    here = alt_packet("198.18.1.5", hop_limit=hop_limit, nonce=8)
    assert isinstance(only(plane().packet("arin", here, 0.0)), Deliver)


@pytest.mark.parametrize("eid", ["198.18.1.5", "2001:db8:e001::5"])
def test_a_request_for_an_own_site_is_delivered_as_it_came(eid: str) -> None:
    packet = alt_packet(eid, source_port=61000)
    header, payload = parse_ip_udp(packet)
    effect = only(plane().packet("arin", packet, 0.0))
    asker = Endpoint(header.source, 61000)
    assert effect == Deliver(payload, asker, EidPrefix.parse(eid), "arin", packet)


def test_lisp_secs_ecm_travels_and_arrives_like_a_bare_request() -> None:
    transit = alt_packet("198.18.2.9", secured("198.18.2.9"))
    assert isinstance(only(plane().packet("arin", transit, 0.0)), Forward)
    payload = secured("198.18.1.5")
    effect = only(plane().packet("arin", alt_packet("198.18.1.5", payload), 0.0))
    assert isinstance(effect, Deliver)
    assert effect.data == payload


def test_a_hole_met_by_lisp_secs_ecm_is_the_map_servers_to_answer() -> None:
    packet = alt_packet("198.18.4.1", secured("198.18.4.1"))
    delivered = only(plane().packet("arin", packet, 0.0))
    assert isinstance(delivered, Deliver)
    assert delivered.hole == AltHole(EidPrefix.parse("198.18.4.0/24"), Action.DROP, 1)
    early = plane(complete=False).packet("arin", packet, 0.0)
    assert reason(early) == "premature-negative"


@pytest.mark.parametrize(
    ("eid", "hole", "action", "ttl_minutes"),
    [
        ("198.18.7.1", "198.18.7.0/24", Action.NATIVELY_FORWARD, 15),
        ("198.18.6.9", "198.18.6.0/24", Action.NATIVELY_FORWARD, 15),
        ("198.18.4.1", "198.18.4.0/24", Action.DROP, 1),
        ("2001:db8:e010::1", "2001:db8:e010::/44", Action.NATIVELY_FORWARD, 15),
    ],
)
def test_a_hole_is_answered_over_the_underlay(
    eid: str, hole: str, action: Action, ttl_minutes: int
) -> None:
    packet = alt_packet(eid, nonce=0xABCDEF, source_port=61000)
    effect = only(plane().packet("arin", packet, 0.0))
    assert isinstance(effect, SendNegative)
    assert effect.destination == Endpoint(ITR, 61000)
    assert (effect.eid, effect.action) == (EidPrefix.parse(hole), action)
    reply = MapReply.read(Reader(effect.data))
    assert reply.nonce == 0xABCDEF
    (record,) = reply.records
    assert record.eid_prefix == EidPrefix.parse(hole)
    assert (record.action, record.record_ttl_minutes) == (action, ttl_minutes)
    assert record.rlocs == ()
    assert not record.authoritative


def test_a_hole_in_an_instance_is_answered_in_that_instance() -> None:
    packet = alt_packet("198.18.7.1", map_request("198.18.7.1", instance_id=100).octets())
    effect = only(plane(instance_id=100).packet("arin", packet, 0.0))
    assert isinstance(effect, SendNegative)
    (record,) = MapReply.read(Reader(effect.data)).records
    assert record.eid_prefix == EidPrefix.parse("[100]198.18.7.0/24")


def test_nothing_is_denied_before_the_routes_are_complete() -> None:
    early = plane(complete=False)
    for number, eid in enumerate(("198.18.7.1", "198.18.4.1", "198.18.6.1")):
        packet = alt_packet(eid, nonce=number)
        assert reason(early.packet("arin", packet, 0.0)) == "premature-negative"
    assert isinstance(only(early.packet("arin", alt_packet("198.18.1.5"), 0.0)), Deliver)
    assert isinstance(only(early.packet("arin", alt_packet("198.18.2.5"), 0.0)), Forward)


def test_a_moved_hole_goes_up_and_is_never_denied() -> None:
    effect = only(plane().packet("etr1", alt_packet("198.18.5.1"), 0.0))
    assert isinstance(effect, Forward)
    assert effect.tunnel == "arin"
    alone = plane(routes={"198.18.5.0/24": Local("moved-hole")})
    assert reason(alone.packet("etr1", alt_packet("198.18.5.1"), 0.0)) == "no-way-up"


def test_no_route_is_counted() -> None:
    empty = plane(routes={})
    assert reason(empty.packet("arin", alt_packet("198.18.1.5"), 0.0)) == "no-route"


@pytest.mark.parametrize(
    ("itr_rlocs", "versions", "host"),
    [
        (("2001:db8:f::21", ITR), frozenset({4}), ITR),
        (("2001:db8:f::21", ITR), frozenset({4, 6}), "2001:db8:f::21"),
        (("127.0.0.1", "224.0.0.1", "0.0.0.0", "fe80::1", ITR), frozenset({4, 6}), ITR),
    ],
)
def test_a_negative_goes_to_the_first_itr_rloc_that_can_be_reached(
    itr_rlocs: tuple[str, ...], versions: frozenset[int], host: str
) -> None:
    payload = map_request("198.18.7.1", itr_rlocs=itr_rlocs).octets()
    effect = only(plane(versions=versions).packet("arin", alt_packet("198.18.7.1", payload), 0.0))
    assert isinstance(effect, SendNegative)
    assert effect.destination.host == host


@pytest.mark.parametrize("itr_rlocs", [("127.0.0.1",), ("2001:db8:f::21",)])
def test_without_a_reachable_itr_rloc_there_is_no_answer(itr_rlocs: tuple[str, ...]) -> None:
    payload = map_request("198.18.7.1", itr_rlocs=itr_rlocs).octets()
    only_ipv4 = plane(versions=frozenset({4}))
    assert reason(only_ipv4.packet("arin", alt_packet("198.18.7.1", payload), 0.0)) == (
        "no-itr-rloc"
    )


def test_a_request_of_another_instance_does_not_enter_this_one() -> None:
    payload = map_request("198.18.1.5", instance_id=100).octets()
    packet = alt_packet("198.18.1.5", payload)
    assert reason(plane().packet("arin", packet, 0.0)) == "wrong-instance"
    bare = alt_packet("198.18.1.5")
    assert reason(plane(instance_id=100).packet("arin", bare, 0.0)) == "wrong-instance"


@pytest.mark.parametrize(
    "payload",
    [map_request("198.18.2.5").octets(), map_request("2001:db8:e001::5").octets(),
     secured("198.18.2.5")],
)  # fmt: skip
def test_a_request_must_ask_for_what_it_was_sent_to(payload: bytes) -> None:
    packet = alt_packet("198.18.1.5", payload)
    assert reason(plane().packet("arin", packet, 0.0)) == "wrong-eid"


def test_the_last_hop_refuses_a_damaged_request() -> None:
    packet = alt_packet("198.18.1.5")
    damaged = packet[:-1] + bytes((packet[-1] ^ 1,))
    assert reason(plane().packet("arin", damaged, 0.0)) == "bad-checksum"
    cut = alt_packet("198.18.1.5", map_request("198.18.1.5").octets()[:-3])
    assert reason(plane().packet("arin", cut, 0.0)) == "truncated"


def test_copies_end_for_a_second() -> None:
    node = plane()
    packet = alt_packet("198.18.2.9", hop_limit=32)
    looped = alt_packet("198.18.2.9", hop_limit=29)
    assert isinstance(only(node.packet("arin", packet, 10.0)), Forward)
    assert reason(node.packet("arin", packet, 10.1)) == "duplicate"
    assert reason(node.packet("ripe", looped, 10.9)) == "duplicate"
    assert isinstance(only(node.packet("arin", packet, 11.0)), Forward)
    other_nonce = alt_packet("198.18.2.9", nonce=8)
    assert isinstance(only(node.packet("arin", other_nonce, 11.1)), Forward)
    other_eid = alt_packet("198.18.2.10", map_request("198.18.2.10").octets())
    assert isinstance(only(node.packet("arin", other_eid, 11.1)), Forward)


def test_packets_for_the_tunnel_addresses_go_to_the_stack_whatever_they_are() -> None:
    node = plane(limits=PlaneLimits(per_tunnel=Rate(0, 0)))
    bgp = bytearray(alt_packet("10.255.0.13", b"x" * 20, destination_port=179))
    bgp[9] = 6
    assert only(node.packet("arin", bytes(bgp), 0.0)) == ToStack("arin", bytes(bgp))


def test_what_is_no_map_request_is_dropped_in_transit() -> None:
    packet = alt_packet("198.18.2.9", destination_port=53)
    assert only(plane().packet("arin", packet, 0.0)) == DropCounted("arin", "not-control-port")
    assert only(plane().packet("arin", b"", 0.0)) == DropCounted("arin", "truncated")


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (PlaneLimits(per_tunnel=Rate(1, 3), per_itr=None), "tunnel-limit"),
        (PlaneLimits(per_tunnel=None, per_itr=Rate(1, 3)), "itr-limit"),
    ],
)
def test_budgets_hold_and_fill_again(limits: PlaneLimits, expected: str) -> None:
    node = plane(limits=limits)
    verdicts = [only(node.packet("arin", alt_packet("198.18.2.9", nonce=n), 0.0)) for n in range(5)]
    assert [type(v) for v in verdicts] == [Forward] * 3 + [DropCounted] * 2
    assert verdicts[-1] == DropCounted("arin", expected)
    later = node.packet("arin", alt_packet("198.18.2.9", nonce=9), 1.0)
    assert isinstance(only(later), Forward)


def test_one_itrs_flood_leaves_the_others_alone() -> None:
    node = plane(limits=PlaneLimits(per_tunnel=None, per_itr=Rate(1, 3)))
    for nonce in range(10):
        node.packet("arin", alt_packet("198.18.2.9", nonce=nonce), 0.0)
    other = alt_packet("198.18.2.9", source="192.0.2.99", nonce=99)
    assert isinstance(only(node.packet("arin", other, 0.0)), Forward)


def test_negatives_to_one_rloc_are_limited() -> None:
    node = plane(limits=PlaneLimits(None, None, Rate(1, 2)))
    verdicts = [only(node.packet("arin", alt_packet("198.18.7.1", nonce=n), 0.0)) for n in range(3)]
    assert [type(v) for v in verdicts] == [SendNegative, SendNegative, DropCounted]
    assert verdicts[-1] == DropCounted("arin", "negative-limit")


def test_an_injected_request_enters_unchanged_and_is_known_when_it_returns() -> None:
    node = plane()
    packet = alt_packet("198.18.2.9", hop_limit=32)
    assert only(node.inject(packet, 0.0)) == Forward("etr1", packet)
    assert only(node.inject(packet, 0.1)) == Forward("etr1", packet)
    assert reason(node.packet("arin", packet, 0.2)) == "duplicate"


def test_an_injected_request_may_end_here() -> None:
    effect = only(plane().inject(alt_packet("198.18.1.5"), 0.0))
    assert isinstance(effect, Deliver)
    assert effect.tunnel is None
    assert only(plane(routes={}).inject(alt_packet("198.18.1.5"), 0.0)) == DropCounted(
        None, "no-route"
    )


@given(st.binary(max_size=120))
def test_no_packet_breaks_the_plane(octets: bytes) -> None:
    effect = only(plane().packet("arin", octets, 0.0))
    if isinstance(effect, DropCounted):
        assert effect.reason in PLANE_REASONS


@given(
    st.sampled_from(("198.18.1.5", "198.18.7.1", "198.18.2.9", "198.18.4.1")),
    st.integers(min_value=0),
    st.integers(1, 255),
    st.booleans(),
)
def test_one_changed_octet_never_breaks_the_plane(
    eid: str, place: int, change: int, ecm: bool
) -> None:
    packet = bytearray(alt_packet(eid, secured(eid) if ecm else None))
    packet[place % len(packet)] ^= change
    effect = only(plane().packet("arin", bytes(packet), 0.0))
    if isinstance(effect, DropCounted):
        assert effect.reason in PLANE_REASONS


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 0.7)), max_size=60))
def test_recent_requests_equal_a_list_of_all(arrivals: list[tuple[int, float]]) -> None:
    recent, now = RecentRequests(), 100.0
    passed: dict[int, float] = {}
    for number, gap in arrivals:
        now += gap
        last = passed.get(number)
        expected = last is None or now - last >= SUPPRESS_SECONDS
        assert recent.is_new(bytes((number,)), now) == expected
        if expected:
            passed[number] = now


def test_recent_requests_stay_within_their_table() -> None:
    recent = RecentRequests(table_size=100)
    for number in range(10_000):
        assert recent.is_new(number.to_bytes(4, "big"), 0.0)
        assert len(recent) <= 100
    assert not recent.is_new((9_999).to_bytes(4, "big"), 0.5)
