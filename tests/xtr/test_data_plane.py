"""Packets of the site into the tunnel and out of it, without a socket."""

from __future__ import annotations

from collections import Counter

import pytest

from mapsys.wire.map_reply import MapReply
from mapsys.wire.records import Action
from mapsys.xtr.inner_packet import InnerPacket
from mapsys.xtr.lisp_header import LispHeader
from mapsys.xtr.settings import DeviceSettings, LocatorSettings
from tests.xtr.routers import (
    FAR_RLOC,
    OWN_RLOC,
    OWN_RLOC_IPV6,
    RESOLVER,
    SETTINGS,
    Router,
    record,
    udp,
)

FAR_RLOC_IPV6 = "2001:db8:f::12"
TO_BETA = udp("198.18.1.9", "198.18.2.9")
FROM_BETA = udp("198.18.2.9", "198.18.1.9")
HEADER = LispHeader(nonce=5).octets()


def unwrapped(packet: bytes) -> tuple[LispHeader, InnerPacket]:
    """What is inside an outer packet."""
    udp_at = 20 if packet[0] >> 4 == 4 else 40
    payload = packet[udp_at + 8 :]
    return LispHeader.read(payload), InnerPacket.read(payload[8:])


def test_first_packet_waits_for_its_mapping_and_then_leaves() -> None:
    router = Router()
    router.site_sends(TO_BETA)
    assert not router.outer()
    router.passes(0)
    (request,) = router.asked()
    assert str(request.records[0].eid_prefix) == "198.18.2.9/32"
    assert [request.smr_invoked, request.pitr, request.probe] == [False] * 3
    router.answers(record("198.18.2.0/24", FAR_RLOC))
    (sent,) = router.outer()
    header, inner = unwrapped(sent.packet)
    assert inner.octets == TO_BETA
    assert header.nonce is not None
    assert (header.instance_id, header.status_bits) == (None, None)
    assert sent.destination == FAR_RLOC
    router.site_sends(udp("198.18.1.9", "198.18.2.77"))
    assert len(router.outer()) == 2
    assert len(router.asked()) == 1


def test_outer_header_takes_hop_limit_and_class_of_the_inner_one() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.site_sends(udp("198.18.1.9", "198.18.2.9", hop_limit=17, traffic_class=0xB8))
    outer = InnerPacket.read(router.outer()[-1].packet)
    assert (outer.hop_limit, outer.traffic_class) == (17, 0xB8)
    assert not outer.may_be_fragmented


@pytest.mark.parametrize("rloc", [FAR_RLOC, FAR_RLOC_IPV6])
@pytest.mark.parametrize("destination", ["198.18.2.9", "2001:db8:e002::9"])
def test_every_pair_of_ip_versions_is_encapsulated(rloc: str, destination: str) -> None:
    router = Router()
    prefix = "2001:db8:e002::/48" if ":" in destination else "198.18.2.0/24"
    router.knows(record(prefix, rloc))
    (sent,) = router.outer()
    outer = InnerPacket.read(sent.packet)
    assert outer.version == (6 if ":" in rloc else 4)
    assert unwrapped(sent.packet)[1].version == (6 if ":" in destination else 4)


def test_retransmission_has_a_new_nonce_and_ends_after_ten() -> None:
    router = Router()
    router.site_sends(TO_BETA)
    router.passes(60)
    nonces = [request.nonce for request in router.asked()]
    assert len(nonces) == len(set(nonces)) == 11
    assert router.uncarried()["unresolved"] == 1
    router.site_sends(TO_BETA)
    router.passes(0)
    assert len(router.asked()) == 12


def test_nothing_is_asked_for_a_while_after_asking_in_vain() -> None:
    router = Router()
    router.site_sends(TO_BETA)
    router.passes(12)
    router.site_sends(TO_BETA)
    router.passes(1)
    assert len(router.asked()) == 11


def test_answer_to_a_nonce_that_was_not_sent_is_not_believed() -> None:
    router = Router()
    router.site_sends(TO_BETA)
    router.passes(0)
    router.hears(MapReply(1, (record("198.18.2.0/24", FAR_RLOC),)), RESOLVER.host)
    assert not router.outer()
    assert router.uncarried() == {"unknown-nonce": 1}


def test_record_that_has_nothing_to_do_with_the_question_is_not_kept() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC), record("203.0.113.0/24", FAR_RLOC))
    kept = [str(entry.prefix) for entry in router.xtr.state.cache.entries()]
    assert kept == ["198.18.2.0/24"]


def test_more_specific_that_comes_along_is_used() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC), record("198.18.2.128/25", "192.0.2.13"))
    router.site_sends(udp("198.18.1.9", "198.18.2.200"))
    assert router.outer()[-1].destination == "192.0.2.13"


def test_mapping_is_asked_for_again_before_it_ends_and_after() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC, ttl=1))
    router.passes(50, answering=(FAR_RLOC,))
    router.site_sends(TO_BETA)
    router.passes(0)
    assert len(router.asked()) == 1
    router.passes(5, answering=(FAR_RLOC,))
    router.site_sends(TO_BETA)
    router.passes(0)
    assert len(router.asked()) == 2
    assert len(router.outer()) == 3
    router.passes(10)
    assert len(router.xtr.state.cache) == 0


def test_weights_share_flows_and_priority_comes_first() -> None:
    router = Router()
    answer = (("192.0.2.21", 1, 70), ("192.0.2.22", 1, 30), ("192.0.2.23", 2, 100))
    router.knows(record("198.18.2.0/24", *answer))
    before = len(router.outer())
    for port in range(1000):
        router.site_sends(udp("198.18.1.9", "198.18.2.9", port=port))
    shares = Counter(sent.destination for sent in router.outer()[before:])
    assert set(shares) == {"192.0.2.21", "192.0.2.22"}
    assert 650 < shares["192.0.2.21"] < 750


def test_flow_stays_with_its_locator() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", ("192.0.2.21", 1, 50), ("192.0.2.22", 1, 50)))
    for _ in range(20):
        router.site_sends(TO_BETA)
    assert len({sent.destination for sent in router.outer()}) == 1


def test_instance_id_is_in_the_header_and_keeps_equal_addresses_apart() -> None:
    devices = tuple(DeviceSettings(f"lisp{n}", n, None, (), (), None) for n in (100, 200))
    eids = tuple(record(f"[{n}]192.168.1.0/24").eid_prefix for n in (100, 200))
    router = Router(devices=devices, eids=eids)
    packet = udp("192.168.1.9", "192.168.2.9")
    for number, rloc in ((100, FAR_RLOC), (200, "192.0.2.13")):
        router.site_sends(packet, number)
        router.passes(0)
        router.answers(record(f"[{number}]192.168.2.0/24", rloc))
    sent = [(one.destination, unwrapped(one.packet)[0].instance_id) for one in router.outer()]
    assert sent == [(FAR_RLOC, 100), ("192.0.2.13", 200)]
    back = udp("192.168.2.9", "192.168.1.9")
    router.underlay_sends(LispHeader(instance_id=200).octets() + back)
    assert [one.octets for one in router.to_site()] == [back]
    router.underlay_sends(LispHeader(instance_id=300).octets() + back)
    router.underlay_sends(HEADER + back)
    assert router.uncarried()["unknown-instance"] == 2


def test_decapsulated_packet_reaches_the_site_with_the_lower_hop_limit() -> None:
    router = Router()
    router.underlay_sends(HEADER + FROM_BETA, hop_limit=9)
    (packet,) = router.to_site()
    assert packet.hop_limit == 9
    assert packet.octets[20:] == FROM_BETA[20:]


def test_packet_for_somebody_else_is_not_let_through() -> None:
    router = Router()
    router.underlay_sends(HEADER + udp("198.18.2.9", "203.0.113.9"))
    assert not router.to_site()
    assert router.uncarried() == {"not-an-own-eid": 1}


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"\x80\0", "bad-lisp-header"),
        (b"\x01" + bytes(7) + FROM_BETA, "encrypted"),
        (HEADER + b"\x45\0\0", "no-packet"),
        (HEADER + udp("198.18.2.9", "224.0.0.5"), "not-unicast"),
    ],
)
def test_octets_that_cannot_be_used_are_counted(payload: bytes, why: str) -> None:
    router = Router()
    router.underlay_sends(payload)
    assert (router.to_site(), router.uncarried()) == ([], {why: 1})


def test_congestion_on_a_packet_that_cannot_tell_is_a_loss() -> None:
    router = Router()
    router.underlay_sends(HEADER + FROM_BETA, traffic_class=3)
    assert router.uncarried() == {"congestion-lost": 1}


def test_negative_answer_has_packets_forwarded_natively() -> None:
    router = Router()
    router.knows(record("203.0.113.0/24", action=Action.NATIVELY_FORWARD, ttl=15))
    (sent,) = router.outer()
    assert sent.packet == udp("198.18.1.9", "203.0.113.0")
    router.site_sends(udp("198.18.1.9", "203.0.113.200"))
    assert len(router.asked()) == 1


def test_petr_takes_what_would_be_forwarded_natively() -> None:
    router = Router(use_petr=("192.0.2.5",))
    router.knows(record("203.0.113.0/24", action=Action.NATIVELY_FORWARD, ttl=15))
    (sent,) = router.outer()
    assert sent.destination == "192.0.2.5"


@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_POLICY_DENIED])
def test_answer_that_says_drop_is_obeyed(action: Action) -> None:
    router = Router()
    router.knows(record("203.0.113.0/24", action=action, ttl=15))
    assert not router.outer()
    assert router.uncarried() == {"told-to-drop": 1}


def test_source_outside_the_site_goes_natively_but_through_a_pitr() -> None:
    packet = udp("203.0.113.9", "198.18.2.9")
    router = Router()
    router.site_sends(packet)
    assert [one.packet for one in router.outer()] == [packet]
    pitr = Router(pitr=True, eids=(), map_servers=())
    pitr.site_sends(packet)
    pitr.passes(0)
    assert pitr.asked()[0].pitr
    pitr.answers(record("198.18.2.0/24", FAR_RLOC))
    assert [one.destination for one in pitr.outer()] == [FAR_RLOC]


def test_petr_lets_everything_through() -> None:
    router = Router(petr=True, eids=(), map_servers=())
    packet = udp("198.18.2.9", "203.0.113.9")
    router.underlay_sends(HEADER + packet)
    assert router.to_site()[0].destination == InnerPacket.read(packet).destination


def test_large_packet_is_split_where_its_sender_allows_it() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.site_sends(udp("198.18.1.9", "198.18.2.9", octets=1472))
    pieces = router.outer()[1:]
    assert [len(one.packet) <= 1500 for one in pieces] == [True, True]


def test_large_packet_that_may_not_be_split_is_sent_back_with_the_size_that_fits() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.site_sends(udp("198.18.1.9", "198.18.2.9", octets=1472, df=1))
    (message,) = router.to_site()
    assert message.octets[20:22] == b"\x03\x04"
    assert int.from_bytes(message.octets[26:28], "big") == 1500 - 36
    router.knows(record("2001:db8:e002::/48", FAR_RLOC_IPV6))
    router.site_sends(udp("2001:db8:e001::9", "2001:db8:e002::9", octets=1440))
    message = router.to_site()[-1]
    assert message.octets[40] == 2
    assert int.from_bytes(message.octets[44:48], "big") == 1500 - 56
    assert router.uncarried() == {"too-big": 2}


def test_nonce_is_echoed_once_to_whom_asked_for_it() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.underlay_sends(LispHeader(nonce=0xABCDEF, echo_nonce=True).octets() + FROM_BETA)
    router.site_sends(TO_BETA)
    router.site_sends(TO_BETA)
    nonces = [unwrapped(one.packet)[0].nonce for one in router.outer()[1:]]
    assert nonces[0] == 0xABCDEF
    assert nonces[1] != 0xABCDEF


def test_status_bits_take_a_locator_out_and_back_where_they_are_used() -> None:
    router = Router(locator_status_bits=True)
    router.knows(record("198.18.2.0/24", ("192.0.2.12", 1, 1), ("192.0.2.13", 2, 1)))
    assert unwrapped(router.outer()[0].packet)[0].status_bits == 0b11
    for bits, expected in ((0b10, "192.0.2.13"), (0b11, "192.0.2.12")):
        router.underlay_sends(LispHeader(status_bits=bits).octets() + FROM_BETA)
        router.site_sends(TO_BETA)
        assert router.outer()[-1].destination == expected


def test_site_without_an_address_of_a_locators_version_uses_another_locator() -> None:
    only_ipv4 = (LocatorSettings(OWN_RLOC, 1, 100, True),)
    router = Router(locators=only_ipv4)
    router.knows(record("198.18.2.0/24", (FAR_RLOC, 2, 1), (FAR_RLOC_IPV6, 1, 1)))
    assert [one.destination for one in router.outer()] == [FAR_RLOC]
    assert SETTINGS.local_host_of(FAR_RLOC_IPV6) == OWN_RLOC_IPV6
