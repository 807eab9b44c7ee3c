"""Map-Requests: proxy replies, forwarding, negatives, and silence (RFC 9301, 8.3 and 8.4)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from mapsys.core.effects import Answered, Datagram, Dropped, Endpoint, Inject, Repeat, Send
from mapsys.core.engine import Engine
from mapsys.core.limiter import Limits, Rate
from mapsys.core.resolution import Outcome, Why
from mapsys.core.site import ProxyReply
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.table import PrefixTable
from mapsys.wire.address import Ipv4, NoAddress, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.lcaf import ExplicitLocatorPath, ReencapHop
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from mapsys.wire.records import Action, RlocRecord
from tests.core.world import (
    DEFAULTS,
    ITR,
    ITR_PORT,
    ONE,
    SERVER,
    SERVER_6,
    TWO,
    Etr,
    World,
    drop_reason,
    map_request,
    map_request_in_ecm,
    of,
    record,
    rloc,
    site,
    site_one,
)


def registered(*records: object, proxy: bool = True, **changes: object) -> World:
    world = World(**changes)
    for rec in records:
        world.register(Etr(nonces=iter([len(world.store) + 1])), rec, proxy_map_reply=proxy)
    return world


def negative(world: World, eid: str) -> tuple[str, int, int]:
    (rec,) = world.answer(eid).records
    assert not rec.rlocs
    assert not rec.authoritative
    return str(rec.eid_prefix), rec.action, rec.record_ttl_minutes


def test_proxy_reply_carries_what_was_registered_to_the_inner_source_port() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1", "192.0.2.2", ttl=77))
    answered, send = world.ask("10.1.2.3", nonce=0xFEDCBA9876543210)
    assert isinstance(answered, Answered)
    assert answered.outcome == "proxy-reply"
    assert isinstance(send, Send)
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    assert reply.nonce == 0xFEDCBA9876543210
    assert send.destination == Endpoint(ITR.host, ITR_PORT)
    assert send.source == SERVER
    assert (send.after, send.repeat) == (None, Repeat.NONCE)
    (rec,) = reply.records
    assert str(rec.eid_prefix) == "10.1.0.0/16"
    assert rec.record_ttl_minutes == 77
    assert len(rec.rlocs) == 2


def test_without_p_bit_the_request_goes_to_the_etr_as_it_came() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), proxy=False)
    asked = map_request_in_ecm("10.1.2.3")
    answered, send = world.hear(asked, ITR)
    assert isinstance(answered, Answered)
    assert answered.outcome == "forward"
    assert isinstance(send, Send)
    assert send.destination == Endpoint("192.0.2.1", 4342)
    assert send.repeat is Repeat.INNER
    forwarded = decode(send.data)
    assert isinstance(forwarded, Ecm)
    assert forwarded.inner == asked[4:]
    assert not forwarded.ddt_originated


def test_forwarding_prefers_reachable_locators_of_the_best_priority() -> None:
    locators = (
        rloc("192.0.2.1", priority=1, reachable=False),
        rloc("192.0.2.2", priority=255),
        rloc("192.0.2.4", priority=3),
        rloc("192.0.2.3", priority=2),
    )
    world = registered(record("10.1.0.0/16", *locators), proxy=False)
    (send,) = of(Send, world.ask("10.1.2.3"))
    assert send.destination.host == "192.0.2.3"


def test_forwarding_takes_the_last_hop_of_an_explicit_path() -> None:
    path = ExplicitLocatorPath(
        (ReencapHop(ip_address("192.0.2.8")), ReencapHop(ip_address("192.0.2.9")))
    )
    world = registered(record("10.1.0.0/16", RlocRecord(path, 1, 1, 255, 0)), proxy=False)
    (send,) = of(Send, world.ask("10.1.2.3"))
    assert send.destination.host == "192.0.2.9"


def test_registered_but_unreachable_is_told_to_ask_again() -> None:
    for bad in (
        rloc("192.0.2.1", reachable=False),
        rloc("192.0.2.1", priority=255),
        rloc(SERVER.host),
    ):
        world = registered(record("10.1.0.0/16", bad), proxy=False)
        assert negative(world, "10.1.2.3") == ("10.1.0.0/16", Action.SEND_MAP_REQUEST, 1)


def test_a_registration_without_locators_is_the_sites_own_negative_answer() -> None:
    world = registered(record("10.1.0.0/16", ttl=5, action=3), proxy=False)
    assert negative(world, "10.1.2.3") == ("10.1.0.0/16", Action.DROP, 5)


@pytest.mark.parametrize(
    ("policy", "p_bit", "outcome"),
    [
        (ProxyReply.ALWAYS, False, "proxy-reply"),
        (ProxyReply.NEVER, True, "forward"),
        (ProxyReply.AS_REQUESTED, True, "proxy-reply"),
        (ProxyReply.AS_REQUESTED, False, "forward"),
    ],
)
def test_who_answers_is_the_sites_policy(policy: ProxyReply, p_bit: bool, outcome: str) -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"), proxy=p_bit, sites=(site_one(proxy_reply=policy),)
    )
    assert of(Answered, world.ask("10.1.2.3"))[0].outcome == outcome


def test_unregistered_site_is_negative_for_one_minute() -> None:
    assert negative(World(), "10.2.9.9") == ("10.2.0.0/16", Action.NATIVELY_FORWARD, 1)


def test_unregistered_part_of_a_site_avoids_what_is_registered_in_it() -> None:
    world = registered(record("10.1.0.0/24", "192.0.2.1"))
    assert negative(world, "10.1.200.1") == ("10.1.128.0/17", Action.NATIVELY_FORWARD, 1)


def test_unregistered_part_of_a_site_avoids_other_sites_in_it() -> None:
    world = World(sites=(site("one", ONE, "10.1.0.0/16"), site("two", TWO, "10.1.64.0/24")))
    assert negative(world, "10.1.0.1") == ("10.1.0.0/18", Action.NATIVELY_FORWARD, 1)
    assert negative(world, "10.1.64.1") == ("10.1.64.0/24", Action.NATIVELY_FORWARD, 1)


def test_a_larger_registered_prefix_does_not_answer_for_another_sites_smaller_one() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"),
        sites=(site("one", ONE, "10.1.0.0/16"), site("two", TWO, "10.1.64.0/24")),
    )
    assert negative(world, "10.1.64.1") == ("10.1.64.0/24", Action.NATIVELY_FORWARD, 1)


HOLES = [
    (["10.1.0.0/16", "10.2.0.0/16"], None, "10.3.0.1", "10.3.0.0/16"),
    (["10.1.0.0/16", "10.2.0.0/16"], None, "11.0.0.1", "11.0.0.0/8"),
    (["10.1.0.0/16", "10.2.0.0/16"], None, "192.0.2.1", "128.0.0.0/1"),
    ([], None, "10.3.0.1", "0.0.0.0/0"),
    ([], "10.0.0.0/8", "10.3.0.1", "10.0.0.0/8"),
    (
        ["10.1.0.0/24", "10.1.64.0/24", "10.1.128.0/24", "10.1.192.0/24"],
        "10.1.0.0/16",
        "10.1.77.88",
        "10.1.72.0/21",
    ),
    (["10.1.0.0/24"], "10.1.0.0/16", "10.1.200.1", "10.1.128.0/17"),
    (["10.128.0.0/9"], "10.0.0.0/8", "10.0.0.1", "10.0.0.0/9"),
    (
        ["2001:db8:1:1::/64", "2001:db8:1:2::/64"],
        None,
        "2001:db8:1:5::5",
        "2001:db8:1:4::/62",
    ),
    (["2001:db8:2::/48"], "2001:db8::/32", "2001:db8:1:5::5", "2001:db8::/47"),
]


@pytest.mark.parametrize(("known", "bound", "eid", "hole"), HOLES)
def test_a_hole_is_the_least_specific_prefix_free_of_sites(
    known: list[str], bound: str | None, eid: str, hole: str
) -> None:
    world = World(
        sites=(site("one", ONE, *known),) if known else (),
        authority=(EidPrefix.parse(bound),) if bound else (),
    )
    assert negative(world, eid) == (hole, Action.NATIVELY_FORWARD, 15)


def test_outside_its_authority_the_server_keeps_silent() -> None:
    assert drop_reason(World().ask("172.16.0.1")) == "not-authoritative"


def test_a_prefix_of_which_parts_are_known_is_answered_for_its_first_eid() -> None:
    prefix, _, ttl = negative(World(), "10.0.0.0/14")
    assert (prefix, ttl) == ("10.0.0.0/16", 15)
    for net in (ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16")):
        assert not ip_network(prefix).overlaps(net)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "ttl"),
    [(Action.DROP_POLICY_DENIED, 15), (Action.DROP_AUTH_FAILURE, 15), (Action.SEND_MAP_REQUEST, 1)],
)
def test_a_site_may_be_denied_to_everyone(action: Action, ttl: int) -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), sites=(site_one(deny_action=action),))
    assert negative(world, "10.1.2.3") == ("10.1.0.0/16", action, ttl)


def test_best_match_comes_with_its_registered_more_specifics_under_one_ttl() -> None:
    v6 = site("one", ONE, "2001:db8::/32")
    world = registered(
        record("2001:db8::/32", "192.0.2.1", ttl=100),
        record("2001:db8:1::/48", "192.0.2.2", ttl=90),
        record("2001:db8:1:1::/64", "192.0.2.3", ttl=80),
        record("2001:db8:1:2::/64", "192.0.2.4", ttl=70),
        sites=(v6,),
    )
    exact = world.answer("2001:db8:1:1::1").records
    assert [str(r.eid_prefix) for r in exact] == ["2001:db8:1:1::/64"]
    wider = world.answer("2001:db8:1:5::5").records
    assert [str(r.eid_prefix) for r in wider] == [
        "2001:db8:1::/48",
        "2001:db8:1:1::/64",
        "2001:db8:1:2::/64",
    ]
    assert {r.record_ttl_minutes for r in wider} == {70}


def test_more_specifics_that_do_not_fit_are_cut_out_of_the_answer() -> None:
    hosts = [record(f"10.1.{n}.1/32", "192.0.2.1") for n in range(0, 128, 2)]
    world = registered(record("10.1.0.0/16", "192.0.2.1"), *hosts)
    (rec,) = world.answer("10.1.200.1").records
    assert str(rec.eid_prefix) == "10.1.128.0/17"
    assert rec.rlocs
    (rec,) = world.answer("10.1.3.3").records
    assert str(rec.eid_prefix) == "10.1.3.0/24"
    data = of(Send, world.ask("10.1.3.3"))[0].data
    assert len(data) + 28 <= 576
    roomy = registered(record("10.1.0.0/16", "192.0.2.1"), *hosts, path_mtu=9000)
    assert len(roomy.answer("10.1.200.1").records) == 65


def test_a_prefix_question_is_answered_as_one_for_its_first_eid_is() -> None:
    hosts = [record(f"10.1.{n}.1/32", "192.0.2.1") for n in range(8, 128, 2)]
    small = record("10.1.0.0/29", "192.0.2.2"), record("10.1.0.7/32", "192.0.2.3")
    world = registered(record("10.1.0.0/16", "192.0.2.1"), *small, *hosts)
    first = world.answer("10.1.0.0").records
    assert [str(r.eid_prefix) for r in first] == ["10.1.0.0/29", "10.1.0.7/32"]
    assert world.answer("10.1.0.0/17").records == first


def test_a_prefix_question_over_too_many_more_specifics_is_answered_for_its_first_eids() -> None:
    hosts = [record(f"10.1.{n}.1/32", "192.0.2.1") for n in range(0, 128, 2)]
    world = registered(record("10.1.0.0/16", "192.0.2.1"), *hosts)
    (rec,) = world.answer("10.1.0.0/17").records
    assert rec.rlocs
    assert not any(
        other.eid_prefix != rec.eid_prefix and rec.eid_prefix.covers(other.eid_prefix)
        for other in hosts
    )


def test_a_single_record_goes_whole_even_where_it_is_too_long() -> None:
    many = record("10.1.0.0/16", *[f"2001:db8:f::{n:x}" for n in range(1, 33)])
    world = registered(many)
    assert len(world.answer("10.1.1.1").records[0].rlocs) == 32


def test_several_records_are_answered_in_one_map_reply() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    effects = world.hear(map_request_in_ecm("10.1.2.3", "10.2.0.1", "10.9.9.9"), ITR)
    (send,) = of(Send, effects)
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    assert [bool(r.rlocs) for r in reply.records] == [True, False, False]
    assert [r.record_ttl_minutes for r in reply.records] == [1440, 1, 15]


def test_of_several_records_each_etr_gets_its_own() -> None:
    world = World(sites=(site_one(), site("two", TWO, "10.2.0.0/16")))
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=False)
    world.register(
        Etr(host="192.0.2.2", key=TWO), record("10.2.0.0/16", "192.0.2.2"), proxy_map_reply=False
    )
    effects = world.hear(map_request_in_ecm("10.1.2.3", "10.2.0.1", "10.9.9.9"), ITR)
    sends = of(Send, effects)
    assert [s.destination.host for s in sends] == [ITR.host, "192.0.2.1", "192.0.2.2"]
    for send, eid in zip(sends[1:], ("10.1.2.3/32", "10.2.0.1/32"), strict=True):
        ecm = decode(send.data)
        assert isinstance(ecm, Ecm)
        assert [str(r.eid_prefix) for r in ecm.message.records] == [eid]  # type: ignore[union-attr]
        assert ecm.inner_header.source_port == ITR_PORT
        assert send.repeat is Repeat.NEVER


def test_a_bare_map_request_is_answered_to_its_source_port() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    effects = world.hear(map_request("10.1.2.3").octets(), Endpoint(ITR.host, 40000))
    assert of(Send, effects)[0].destination == Endpoint(ITR.host, 40000)


@pytest.mark.parametrize(
    ("eid", "itr", "source"),
    [
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "2001:db8:f::99", "192.0.2.10"),
        ("2001:db8:1::5", "2001:db8:f::99", "2001:db8:f::99"),
        ("2001:db8:1::5", "198.51.100.1", "2001:db8:f::10"),
    ],
)
def test_a_bare_map_request_is_forwarded_in_a_packet_of_the_eids_family(
    eid: str, itr: str, source: str
) -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"), record("2001:db8:1::/48", "192.0.2.1"), proxy=False
    )
    request = map_request(eid, itr_rlocs=[ip_address(itr)])
    (send,) = of(Send, world.hear(request.octets(), Endpoint(itr, 40000)))
    ecm = decode(send.data)
    assert isinstance(ecm, Ecm)
    assert ecm.inner_header.source == source
    assert ecm.inner_header.destination == eid
    assert ecm.inner_header.source_port == 40000
    assert ecm.message == request


def test_a_name_is_forwarded_in_a_packet_to_ourselves() -> None:
    world = World(sites=(site("one", ONE, '"printer"'),), authority=())
    world.register(Etr(), record('"printer"', "192.0.2.1"), proxy_map_reply=False)
    (send,) = of(Send, world.hear(map_request('"printer"').octets(), Endpoint(ITR.host, 4000)))
    ecm = decode(send.data)
    assert isinstance(ecm, Ecm)
    assert (ecm.inner_header.source, ecm.inner_header.destination) == (ITR.host, SERVER.host)


def test_an_eid_of_a_family_the_server_has_no_address_of_is_still_forwarded() -> None:
    world = World(local=(SERVER,))
    world.register(Etr(), record("2001:db8:1::/48", "192.0.2.1"), proxy_map_reply=False)
    request = map_request("2001:db8:1::5").octets()
    (send,) = of(Send, world.hear(request, Endpoint(ITR.host, 4000)))
    ecm = decode(send.data)
    assert isinstance(ecm, Ecm)
    assert ecm.inner_header.destination == SERVER.host


FAMILIES = [
    (eid, etr, itr, to)
    for eid in ("10.1.2.3", "2001:db8:1::5")
    for etr in ("192.0.2.1", "2001:db8:f::1")
    for itr in ("198.51.100.1", "2001:db8:f::99")
    for to in (SERVER, SERVER_6)
]


@pytest.mark.parametrize(("eid", "etr", "itr", "to"), FAMILIES)
@pytest.mark.parametrize("proxy", [True, False])
def test_source_and_family_are_right_in_all_combinations(
    eid: str, etr: str, itr: str, to: Endpoint, proxy: bool
) -> None:
    world = registered(record("10.1.0.0/16", etr), record("2001:db8:1::/48", etr), proxy=proxy)
    asked = map_request_in_ecm(eid, itr_rlocs=[ip_address(itr)])
    (send,) = of(Send, world.hear(asked, ITR, to))
    towards = itr if proxy else etr
    assert send.destination == Endpoint(towards, ITR_PORT if proxy else 4342)
    assert send.source == (SERVER_6 if ":" in towards else SERVER)


def test_an_itr_rloc_that_cannot_be_reached_is_passed_over() -> None:
    rlocs = [
        NoAddress(),
        ip_address("224.0.0.1"),
        ip_address("127.0.0.1"),
        ip_address("0.0.0.0"),
        ip_address("255.255.255.255"),
        ip_address("2001:db8:f::99"),
        ip_address("198.51.100.7"),
    ]
    world = registered(record("10.1.0.0/16", "192.0.2.1"), local=(SERVER,))
    (send,) = of(Send, world.ask("10.1.2.3", itr_rlocs=rlocs))
    assert send.destination.host == "198.51.100.7"
    effects = world.ask("10.1.2.3", itr_rlocs=rlocs[:-1])
    assert drop_reason(effects) == "no-itr-rloc"


@pytest.mark.parametrize("eid", ["10.1.2.3", "10.9.9.9", "172.16.0.1"])
def test_without_any_itr_rloc_nobody_is_asked_and_nothing_answered(eid: str) -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"),
        proxy=False,
        map_servers=(Endpoint("192.0.2.20", 4342),),
    )
    assert drop_reason(world.ask(eid, itr_rlocs=[NoAddress(), NoAddress()])) == "no-itr-rloc"


def test_an_answer_leaves_from_the_address_that_was_asked() -> None:
    other = Endpoint("192.0.2.11", 4342)
    world = registered(record("10.1.0.0/16", "192.0.2.1"), local=(SERVER, other))
    for asked in (SERVER, other):
        (send,) = of(Send, world.hear(map_request_in_ecm("10.1.2.3"), ITR, asked))
        assert send.source == asked


def test_a_reply_never_goes_to_one_of_our_own_sockets() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    request = map_request("10.1.2.3", itr_rlocs=[ip_address(SERVER.host)]).octets()
    assert drop_reason(world.hear(request, Endpoint(ITR.host, 4342))) == "no-itr-rloc"


def test_loopback_is_a_destination_only_for_what_came_over_loopback() -> None:
    loopback = Endpoint("127.0.0.1", 4342)
    world = World(local=(loopback,))
    etr = Etr(host="127.0.0.2")
    data = etr.message(record("10.1.0.0/16", "127.0.0.2"), proxy_map_reply=False)
    world.hear(data, Endpoint("127.0.0.2", 4342), loopback)
    asked = map_request_in_ecm("10.1.2.3", itr_rlocs=[ip_address("127.0.0.1")])
    (send,) = of(Send, world.hear(asked, Endpoint("127.0.0.1", 5000), loopback))
    assert send.destination == Endpoint("127.0.0.2", 4342)
    (send,) = of(
        Send,
        world.hear(
            map_request_in_ecm("10.9.9.9", itr_rlocs=[Ipv4(b"\x7f\0\0\1")]),
            Endpoint("127.0.0.1", 5000),
            loopback,
        ),
    )
    assert send.destination == Endpoint("127.0.0.1", ITR_PORT)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"probe": True}, "probe"),
        ({"smr": True}, "smr"),
        ({"dont_map_reply": True}, "dont-map-reply"),
    ],
)
def test_requests_that_get_silence(flags: dict[str, bool], reason: str) -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    assert drop_reason(world.ask("10.1.2.3", **flags)) == reason


def test_request_without_records_gets_silence() -> None:
    world = World()
    request = replace(map_request("10.1.2.3"), records=())
    assert drop_reason(world.hear(request.octets(), ITR)) == "no-records"


def test_smr_invoked_and_pitr_requests_are_answered() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    assert world.answer("10.1.2.3", smr_invoked=True).records[0].rlocs
    assert world.answer("10.1.2.3", pitr=True).records[0].rlocs


def test_other_messages_get_silence() -> None:
    world = World()
    reply = MapReply(1, (record("10.1.0.0/16", "192.0.2.1"),)).octets()
    assert drop_reason(world.hear(reply, ITR)) == "unexpected-type"
    assert drop_reason(world.hear(b"", ITR)) == "truncated"
    assert drop_reason(world.hear(b"\xb0rest", ITR)) == "unknown-type"


def test_budgets_for_requests_and_replies() -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    asked = Limits(
        requests_per_source=Rate(1, 1),
        replies_per_destination=None,
        replies_per_prefix=None,
        registers_per_site=None,
    )
    world = registered(rec, limits=asked)
    assert of(Send, world.ask("10.1.2.3"))
    assert drop_reason(world.ask("10.1.2.4")) == "rate-limited"
    world.now += 1
    assert of(Send, world.ask("10.1.2.4"))
    per_prefix = Limits(None, None, Rate(1, 1), None)
    world = registered(rec, limits=per_prefix)
    assert of(Send, world.ask("10.9.2.3"))
    assert drop_reason(world.ask("10.9.2.4")) == "rate-limited"
    assert of(Send, world.ask("10.2.2.4"))
    per_destination = Limits(None, Rate(1, 1), None, None)
    world = registered(rec, limits=per_destination)
    assert of(Send, world.ask("10.9.2.3"))
    assert drop_reason(world.ask("10.2.2.4")) == "rate-limited"


def test_each_budget_counts_what_it_refused_also_over_a_reload() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"), limits=Limits(Rate(1, 3), Rate(1, 2), Rate(1, 1), None)
    )
    for eid in ("10.9.2.3", "10.9.2.4", "10.2.2.4", "10.9.2.3"):
        world.ask(eid)
    assert world.engine.budgets_refused() == {"replies-per-prefix": 1, "requests-per-source": 1}
    world.engine.reconfigure(DEFAULTS, world.now)
    world.ask("10.9.2.3")
    assert world.engine.budgets_refused() == {"replies-per-prefix": 1, "requests-per-source": 1}


def test_repeating_an_answer_takes_from_the_same_budgets() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"), limits=Limits(None, None, Rate(1, 2), None)
    )
    (send,) = of(Send, world.ask("10.9.2.3"))
    assert send.admit is not None
    assert send.admit(world.now)
    assert not send.admit(world.now)
    assert send.admit(world.now + 1)


def test_a_resolver_asks_its_map_servers_for_what_is_not_here() -> None:
    others = (Endpoint("192.0.2.20", 4342), Endpoint("192.0.2.21", 4342))
    world = World(map_servers=others)
    asked = map_request_in_ecm("172.16.0.1", nonce=8)
    (send,) = of(Send, world.hear(asked, ITR))
    assert send.destination in others
    assert decode(send.data).inner == asked[4:]  # type: ignore[union-attr]
    assert drop_reason(world.hear(asked, ITR)) == "duplicate"
    (other,) = of(Send, world.hear(map_request_in_ecm("172.16.0.1", nonce=9), ITR))
    assert other.destination != send.destination
    world.now += 1.5
    assert of(Send, world.hear(asked, ITR))
    back = map_request_in_ecm("172.16.0.1", nonce=10)
    (send,) = of(Send, world.hear(back, others[0]))
    assert send.destination == others[1]


def test_of_several_records_the_resolver_answers_its_own_and_passes_on_the_rest() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"), map_servers=(Endpoint("192.0.2.20", 4342),)
    )
    effects = world.hear(map_request_in_ecm("172.16.0.1", "10.1.2.3", "10.2.0.1"), ITR)
    reply, onward = (decode(send.data) for send in of(Send, effects))
    assert isinstance(reply, MapReply)
    assert [str(r.eid_prefix) for r in reply.records] == ["10.1.0.0/16", "10.2.0.0/16"]
    assert isinstance(onward, Ecm)
    assert [str(r.eid_prefix) for r in onward.message.records] == ["172.16.0.1/32"]  # type: ignore[union-attr]


def test_a_resolver_puts_the_request_onto_the_alt_of_its_instance() -> None:
    engine = Engine(
        PureStore(), replace(DEFAULTS, sites=()), lambda: 1, has_alt=lambda iid: iid == 7
    )
    asked = map_request_in_ecm("[7]172.16.0.1")
    effects = engine.handle(Datagram(asked, ITR, SERVER), 0.0)
    (inject,) = of(Inject, effects)
    assert inject.packet == asked[4:]
    assert (inject.instance_id, str(inject.eid)) == (7, "[7]172.16.0.1/32")
    other = engine.handle(Datagram(map_request_in_ecm("172.16.0.1"), ITR, SERVER), 0.0)
    assert [e.reason for e in of(Dropped, other)] == ["not-authoritative"]


def test_what_the_alt_knows_is_no_hole() -> None:
    rib: PrefixTable[str] = PrefixTable()
    rib.put(EidPrefix.parse("10.128.0.0/9"), "from a neighbour")
    engine = Engine(
        PureStore(), replace(DEFAULTS, sites=()), lambda: 1, also_known=(rib,),
        has_alt=lambda _iid: True,
    )  # fmt: skip
    (send,) = of(Send, engine.handle(Datagram(map_request_in_ecm("10.3.0.1"), ITR, SERVER), 0.0))
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    assert str(reply.records[0].eid_prefix) == "10.0.0.0/9"
    effects = engine.handle(Datagram(map_request_in_ecm("10.200.0.1"), ITR, SERVER), 0.0)
    assert of(Inject, effects)


def test_a_map_server_alone_does_not_pass_on() -> None:
    world = World(map_resolver=False, map_servers=(Endpoint("192.0.2.20", 4342),))
    assert drop_reason(world.ask("172.16.0.1")) == "not-authoritative"


def test_the_same_question_to_the_resolver_says_why() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    answer = world.engine.resolve(EidPrefix.parse("10.1.2.3"))
    assert (answer.outcome, answer.why) == (Outcome.PROXY_REPLY, Why.REGISTERED_PROXY)
    assert answer.site is not None
    assert answer.site.name == "one"


def test_an_eid_that_is_no_eid_gets_silence() -> None:
    request = replace(map_request("10.1.2.3"), records=())
    record_of_nothing = type(map_request("10.1.2.3").records[0])(NoAddress(), 0)
    asked = replace(request, records=(record_of_nothing,))
    assert drop_reason(World().hear(asked.octets(), ITR)) == "unknown-eid"
