"""Map-Requests go onto the ALT by EID, and those that arrive by it are answered beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mapsys.core.alt_entry import ALT_HOP_LIMIT, AltArrival
from mapsys.core.effects import Answered, Datagram, Dropped, Effect, Endpoint, Inject, Send
from mapsys.core.engine import Engine
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy, Wrapping
from mapsys.core.questions import AltHole
from mapsys.core.resolution import Outcome, Why
from mapsys.core.settings import Settings
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.table import PrefixTable
from mapsys.wire.address import ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp, parse_ip_udp
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from mapsys.wire.records import Action
from tests.core.lisp_sec_xtrs import SecureItr
from tests.core.world import (
    DEFAULTS,
    ITR,
    ITR_PORT,
    SERVER,
    SERVER_6,
    Etr,
    World,
    drop_reason,
    map_request,
    map_request_in_ecm,
    of,
    record,
)


def resolver(
    *routes: str,
    settings: Settings = DEFAULTS,
    may_deny: Callable[[EidPrefix], bool] = lambda _eid: True,
) -> Engine:
    """A Map-Resolver on the ALT of instance-ID 0, with these routes."""
    known: PrefixTable[None] = PrefixTable()
    for route in routes:
        known.put(EidPrefix.parse(route), None)
    return Engine(
        PureStore(),
        replace(settings, sites=()),
        lambda: 1,
        has_alt=lambda instance_id: instance_id == 0,
        also_known=[known],
        may_deny=may_deny,
    )


def asked(engine: Engine, data: bytes, to: Endpoint = SERVER) -> list[Effect]:
    return engine.handle(Datagram(data, ITR, to), 1000.0)


@pytest.mark.parametrize("own_source", ["198.51.100.7", "0.0.0.0", "127.0.0.1"])
def test_a_request_enters_with_the_itr_rloc_as_source_its_port_and_fresh_hops(
    own_source: str,
) -> None:
    request = map_request("10.9.0.1").octets()
    # The inner destination may be anything; the EID asked for decides.
    inner = build_ip_udp(own_source, "10.200.0.1", ITR_PORT, 4342, request, hop_limit=3)
    effects = asked(resolver("10.8.0.0/13"), Ecm(inner).octets())
    assert of(Answered, effects) == [Answered(EidPrefix.parse("10.9.0.1"), "alt")]
    (inject,) = of(Inject, effects)
    assert inject.eid == EidPrefix.parse("10.9.0.1")
    header, payload = parse_ip_udp(inject.packet)
    assert (header.source, header.destination) == (ITR.host, "10.9.0.1")
    assert (header.source_port, header.destination_port) == (ITR_PORT, 4342)
    assert header.hop_limit == ALT_HOP_LIMIT
    assert payload == request


@pytest.mark.parametrize(
    ("itr_rlocs", "inner_source", "expected"),
    [
        (("192.0.2.5", "2001:db8:f::5"), "2001:db8:f::77", "2001:db8:f::5"),
        (("192.0.2.5",), "2001:db8:f::77", "2001:db8:f::77"),
        (("192.0.2.5",), "::", SERVER_6.host),
    ],
)
def test_the_source_is_of_the_eids_family(
    itr_rlocs: tuple[str, ...], inner_source: str, expected: str
) -> None:
    request = map_request("2001:db8:9::1", itr_rlocs=[ip_address(r) for r in itr_rlocs])
    inner = build_ip_udp(inner_source, "2001:db8:9::1", ITR_PORT, 4342, request.octets())
    (inject,) = of(Inject, asked(resolver("2001:db8::/33"), Ecm(inner).octets()))
    assert parse_ip_udp(inject.packet)[0].source == expected


def test_without_an_address_of_the_eids_family_nothing_enters() -> None:
    request = map_request("2001:db8:9::1").octets()
    inner = build_ip_udp("::", "2001:db8:9::1", ITR_PORT, 4342, request)
    engine = resolver("2001:db8::/33", settings=replace(DEFAULTS, local=(SERVER,)))
    assert drop_reason(asked(engine, Ecm(inner).octets())) == "no-alt-source"


def test_of_several_records_each_goes_its_own_way() -> None:
    effects = asked(resolver("10.8.0.0/13"), map_request_in_ecm("10.9.0.1", "10.9.0.2"))
    packets = [parse_ip_udp(inject.packet) for inject in of(Inject, effects)]
    assert [header.destination for header, _ in packets] == ["10.9.0.1", "10.9.0.2"]
    assert all(len(decode(payload).records) == 1 for _, payload in packets)


def test_what_is_no_ip_eid_never_enters() -> None:
    engine = resolver(may_deny=lambda _eid: False, settings=replace(DEFAULTS, authority=()))
    effects = asked(engine, map_request_in_ecm("02:00:00:00:00:01"))
    assert drop_reason(effects) == "not-authoritative"


def test_nothing_is_denied_before_the_routes_are_complete() -> None:
    complete = False
    engine = resolver("10.8.0.0/13", may_deny=lambda _eid: complete)
    early = engine.resolve(EidPrefix.parse("10.200.0.1"))
    assert (early.outcome, early.why) == (Outcome.ELSEWHERE, Why.NOT_YET)
    assert of(Inject, asked(engine, map_request_in_ecm("10.200.0.1")))
    complete = True
    (send,) = of(Send, asked(engine, map_request_in_ecm("10.200.0.1", nonce=78)))
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    (negative,) = reply.records
    assert str(negative.eid_prefix) == "10.128.0.0/9"
    assert negative.action == Action.NATIVELY_FORWARD
    # A route covers it: not for this server to deny, whatever is complete.
    assert engine.resolve(EidPrefix.parse("10.9.0.1")).outcome is Outcome.ELSEWHERE


def arrival(eid: str, *, source: str = ITR.host, **fields: object) -> AltArrival:
    request = map_request(eid, **fields).octets()
    packet = build_ip_udp(source, eid, ITR_PORT, 4342, request, hop_limit=29)
    return AltArrival(request, Endpoint(source, ITR_PORT), packet)


def test_a_registered_eid_is_answered_to_the_itr_rloc_and_inner_port() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    effects = world.engine.handle_from_alt(arrival("10.1.2.3"), world.now)
    (send,) = of(Send, effects)
    assert send.destination == Endpoint(ITR.host, ITR_PORT)
    assert send.source == SERVER
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    assert str(reply.records[0].eid_prefix) == "10.1.0.0/16"


@pytest.mark.parametrize("map_resolver", [True, False])
def test_the_etr_gets_the_packet_as_it_came(map_resolver: bool) -> None:
    world = World(map_resolver=map_resolver)
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=False)
    came = arrival("10.1.2.3")
    (send,) = of(Send, world.engine.handle_from_alt(came, world.now))
    assert send.destination == Endpoint("192.0.2.1", 4342)
    message = decode(send.data)
    assert isinstance(message, Ecm)
    assert message.inner == came.packet


def test_what_is_not_held_here_is_not_sent_onto_the_alt_again() -> None:
    engine = resolver("10.8.0.0/13")
    assert drop_reason(engine.handle_from_alt(arrival("10.9.0.1"), 0.0)) == "not-authoritative"


def test_a_hole_is_denied_as_the_alt_says() -> None:
    hole = AltHole(EidPrefix.parse("10.9.0.0/17"), Action.DROP, 1)
    came = replace(arrival("10.9.0.1"), hole=hole)
    (send,) = of(Send, resolver("10.8.0.0/13").handle_from_alt(came, 0.0))
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    (negative,) = reply.records
    assert (negative.eid_prefix, negative.action) == (hole.prefix, Action.DROP)
    assert negative.record_ttl_minutes == 1


def test_no_answer_goes_to_a_loopback_address() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    came = arrival("10.1.2.3", itr_rlocs=[ip_address("127.0.0.1")])
    assert drop_reason(world.engine.handle_from_alt(came, world.now)) == "no-itr-rloc"
    inside = World(local=(Endpoint("127.0.0.1", 4342),))
    inside.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    effects = inside.engine.handle_from_alt(arrival("10.1.2.3"), inside.now)
    assert drop_reason(effects) == "no-itr-rloc"


def test_an_asker_of_another_family_is_answered_from_the_family_of_its_rloc() -> None:
    world = World(local=(SERVER,))
    world.register(Etr(), record("2001:db8:1::/48", "192.0.2.1"))
    came = arrival("2001:db8:1::5", source="2001:db8:f::21")
    (send,) = of(Send, world.engine.handle_from_alt(came, world.now))
    assert send.destination == Endpoint(ITR.host, ITR_PORT)


@pytest.mark.parametrize(
    ("data", "packet", "reason"),
    [
        (b"\x10", None, "truncated"),
        (None, b"\x45", "truncated"),
        (bytes.fromhex("70000000") + bytes(40), None, None),
    ],
)
def test_what_is_no_map_request_gets_silence(
    data: bytes | None, packet: bytes | None, reason: str | None
) -> None:
    came = arrival("10.1.2.3")
    came = replace(came, data=data or came.data, packet=packet or came.packet)
    (effect,) = World().engine.handle_from_alt(came, 0.0)
    assert isinstance(effect, Dropped)
    assert reason is None or effect.reason == reason


def test_an_unexpected_message_is_dropped_by_its_name() -> None:
    came = replace(arrival("10.1.2.3"), data=MapReply(1, ()).octets())
    (effect,) = World().engine.handle_from_alt(came, 0.0)
    assert isinstance(effect, Dropped)
    assert (effect.message_type, effect.reason) == ("MapReply", "unexpected-type")


# LISP-SEC across the ALT

ONWARD_KEY = WrapKey(b"a key between a Map-Resolver and a Map-Server")


def secured_arrival(eid: str, hole: AltHole | None = None) -> tuple[SecureItr, AltArrival]:
    """A protected question as it comes to its last hop, through a Map-Resolver."""
    itr = SecureItr()
    lisp_sec = LispSecSettings(
        itrs=Askers(Policy.ALLOWED, {1: WrapKey(itr.secret)}), onward=Wrapping(5, ONWARD_KEY)
    )
    engine = resolver("10.0.0.0/8", settings=replace(DEFAULTS, lisp_sec=lisp_sec))
    (inject,) = of(Inject, asked(engine, itr.asks(eid)))
    header, payload = parse_ip_udp(inject.packet)
    came = AltArrival(payload, Endpoint(header.source, header.source_port), inject.packet, hole)
    return itr, came


def secured_server() -> World:
    askers = Askers(Policy.ALLOWED, {5: ONWARD_KEY})
    return World(map_resolver=False, lisp_sec=LispSecSettings(map_resolvers=askers))


def test_a_protected_question_is_answered_under_the_itrs_key() -> None:
    world = secured_server()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    itr, came = secured_arrival("10.1.2.3")
    (send,) = of(Send, world.engine.handle_from_alt(came, world.now))
    assert send.destination == Endpoint(ITR.host, ITR_PORT)
    (answer,), vouched = itr.believes(send.data)
    assert str(answer.eid_prefix) == "10.1.0.0/16"
    assert [str(prefix) for prefix in vouched.prefixes] == ["10.1.0.0/16"]


def test_a_hole_met_by_a_protected_question_is_denied_under_the_itrs_key() -> None:
    hole = AltHole(EidPrefix.parse("10.9.0.0/17"), Action.NATIVELY_FORWARD, 15)
    itr, came = secured_arrival("10.9.0.1", hole)
    world = secured_server()
    (send,) = of(Send, world.engine.handle_from_alt(came, world.now))
    (answer,), vouched = itr.believes(send.data)
    assert (answer.eid_prefix, answer.action) == (hole.prefix, Action.NATIVELY_FORWARD)
    assert [*vouched.prefixes] == [hole.prefix]
