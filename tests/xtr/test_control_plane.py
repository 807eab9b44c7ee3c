"""Registering, answering, soliciting, probing, moving and subscribing, without a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mapsys.config.secret import Secret
from mapsys.eid import EidPrefix
from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_notify import MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.xtr.effects import HostRoute, Towards
from mapsys.xtr.lisp_header import LispHeader
from mapsys.xtr.settings import LocatorSettings, SharedKey
from tests.xtr.routers import (
    FAR_RLOC,
    OWN_RLOC,
    SERVER,
    SETTINGS,
    SUBSCRIPTION_SECRET,
    Router,
    map_notify,
    record,
    udp,
    visitor,
)

TO_BETA = udp("198.18.1.9", "198.18.2.9")
FROM_BETA = LispHeader(nonce=5).octets() + udp("198.18.2.9", "198.18.1.9")
VM = EidPrefix.parse("198.18.1.9/32")


def request(eid: str, **bits: Any) -> MapRequest:
    """A Map-Request from the far router."""
    address, mask_len = from_eid_prefix(EidPrefix.parse(eid))
    records = (MapRequestRecord(address, mask_len),)
    return MapRequest(99, NoAddress(), (ip_address(FAR_RLOC),), records, **bits)


def registers(router: Router) -> list[MapRegister]:
    return [message for _, message in router.direct(MapRegister)]


def smrs(router: Router) -> list[tuple[str, str]]:
    """(Locator, EID-Prefix) of each SMR that was sent."""
    return [
        (host, str(message.records[0].eid_prefix))
        for host, message in router.direct()
        if message.smr
    ]


def probes(router: Router, host: str = FAR_RLOC) -> list[MapRequest]:
    return [message for at, message in router.direct() if message.probe and at == host]


def test_site_is_registered_with_its_locators() -> None:
    router = Router()
    ((host, register),) = router.direct(MapRegister)
    assert host == SERVER.host
    assert [str(one.eid_prefix) for one in register.records] == [
        "198.18.1.0/24",
        "2001:db8:e001::/48",
    ]
    assert len(register.records[0].rlocs) == 2
    assert not router.xtr.registrar.is_settled
    router.hears(map_notify(*register.records, nonce=register.nonce), SERVER.host)
    assert router.xtr.registrar.is_settled


def test_map_request_for_an_own_eid_is_answered() -> None:
    router = Router()
    router.hears(request("198.18.1.7/32"))
    ((host, reply),) = router.direct(MapReply)
    assert (host, reply.nonce, reply.probe) == (FAR_RLOC, 99, False)
    assert reply.records[0].authoritative


def test_probe_is_answered_from_the_address_that_was_probed() -> None:
    router = Router()
    router.hears(request("198.18.1.0/24", probe=True))
    (answer,) = [one for one in router.control() if one.destination.host == FAR_RLOC]
    assert answer.source == OWN_RLOC
    ((_, reply),) = router.direct(MapReply)
    assert reply.probe


def test_locator_that_answers_no_probe_is_not_used_until_it_does() -> None:
    router = Router()
    other = "192.0.2.13"
    router.knows(record("198.18.2.0/24", (FAR_RLOC, 1, 1), (other, 2, 1)))
    for answering, expected in (
        ((FAR_RLOC, other), FAR_RLOC),
        ((other,), other),
        ((FAR_RLOC, other), FAR_RLOC),
    ):
        router.passes(20, answering=answering)
        router.site_sends(TO_BETA)
        assert router.outer()[-1].destination == expected


def test_probes_are_not_encapsulated_and_name_the_entry() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.passes(7)
    assert str(probes(router)[0].records[0].eid_prefix) == "198.18.2.0/24"
    assert not any(asked.probe for asked in router.asked())


def test_mapping_whose_only_locator_is_down_is_asked_for_again() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.passes(9)
    assert len(router.asked()) == 1
    router.passes(1)
    assert len(router.asked()) == 2


def test_entry_that_is_not_used_is_not_probed() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.passes(70)
    before = len(probes(router))
    router.passes(60)
    assert len(probes(router)) == before


def test_change_of_locators_is_registered_and_told_to_correspondents() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.underlay_sends(FROM_BETA, "192.0.2.14")
    moved = replace(SETTINGS, locators=(LocatorSettings("192.0.2.15", 1, 100, True),))
    router.effects += router.xtr.reconfigure(moved, router.now)
    router.passes(0)
    assert sorted(smrs(router)) == [(FAR_RLOC, "198.18.1.0/24"), ("192.0.2.14", "198.18.1.0/24")]
    (smr,) = [message for host, message in router.direct() if message.smr and host == FAR_RLOC]
    assert smr.dont_map_reply
    assert len(registers(router)[-1].records[0].rlocs) == 1


def test_smr_is_repeated_at_its_pace_until_the_other_side_asks() -> None:
    router = Router()
    router.underlay_sends(FROM_BETA)
    other = replace(SETTINGS, locators=SETTINGS.locators[:1])
    router.xtr.reconfigure(other, router.now)
    router.passes(4)
    assert len(smrs(router)) == 2
    router.hears(request("198.18.1.9/32", smr_invoked=True))
    router.passes(10)
    assert len(smrs(router)) == 2


def test_smr_ends_after_three_to_one_that_never_asks() -> None:
    router = Router()
    router.underlay_sends(FROM_BETA)
    router.xtr.reconfigure(replace(SETTINGS, locators=SETTINGS.locators[:1]), router.now)
    router.passes(30)
    assert len(smrs(router)) == 3


def test_correspondent_of_long_ago_is_not_told() -> None:
    router = Router()
    router.underlay_sends(FROM_BETA)
    router.passes(61)
    router.xtr.reconfigure(replace(SETTINGS, locators=SETTINGS.locators[:1]), router.now)
    router.passes(5)
    assert smrs(router) == []


def test_smr_has_the_mapping_asked_for_through_the_mapping_system() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    router.hears(request("198.18.2.7/32", smr=True, dont_map_reply=True))
    router.passes(0)
    assert router.asked()[-1].smr_invoked
    router.site_sends(udp("198.18.1.9", "198.18.2.7"))
    assert router.outer()[-1].destination == FAR_RLOC
    router.answers(record("198.18.2.7/32", "192.0.2.14"))
    router.site_sends(udp("198.18.1.9", "198.18.2.7"))
    assert router.outer()[-1].destination == "192.0.2.14"


def test_smr_about_what_is_not_cached_is_left_alone() -> None:
    router = Router()
    router.hears(request("198.18.2.7/32", smr=True, dont_map_reply=True))
    router.passes(5)
    assert router.asked() == []
    assert router.uncarried() == {"smr-without-entry": 1}


def test_storm_of_smrs_invokes_one_map_request_in_three_seconds() -> None:
    router = Router()
    router.knows(record("198.18.2.0/24", FAR_RLOC))
    for _ in range(20):
        router.hears(request("198.18.2.0/24", smr=True, dont_map_reply=True))
        router.passes(0)
        if router.asked()[-1].smr_invoked:
            router.answers(record("198.18.2.0/24", FAR_RLOC))
    router.passes(2.9)
    assert sum(asked.smr_invoked for asked in router.asked()) == 1
    router.passes(0.2)
    assert sum(asked.smr_invoked for asked in router.asked()) == 2


def test_host_that_registered_elsewhere_is_forwarded_and_its_correspondents_told() -> None:
    router = Router()
    router.underlay_sends(FROM_BETA)
    router.hears(map_notify(record(str(VM), "192.0.2.14")), SERVER.host)
    assert HostRoute(VM, Towards.TUNNEL) in router.effects
    assert router.direct(MapNotifyAck)
    router.underlay_sends(FROM_BETA)
    assert router.outer()[-1].destination == "192.0.2.14"
    router.passes(0)
    assert smrs(router) == [(FAR_RLOC, str(VM))]
    router.hears(request(str(VM)))
    assert router.direct(MapReply) == []


def test_forged_map_notify_moves_nothing() -> None:
    router = Router()
    router.hears(map_notify(record(str(VM), "192.0.2.14"), secret=b"another"), SERVER.host)
    assert router.xtr.state.away_prefix(VM) is None
    assert router.uncarried() == {"unauthenticated": 1}


def test_forwarding_after_a_move_cannot_go_round_for_ever() -> None:
    router = Router()
    router.hears(map_notify(record(str(VM), "192.0.2.14")), SERVER.host)
    router.underlay_sends(FROM_BETA, hop_limit=1)
    assert router.outer() == []
    assert router.uncarried() == {"hop-limit": 1}


def test_visitor_is_registered_by_its_first_packet() -> None:
    router = Router(visitors=(visitor("198.18.3.0/24"),))
    router.site_sends(udp("198.18.3.9", "198.18.2.9"))
    eid = EidPrefix.parse("198.18.3.9/32")
    assert HostRoute(eid, Towards.SITE) in router.effects
    last = registers(router)[-1]
    assert [str(one.eid_prefix) for one in last.records] == [str(eid)]
    router.underlay_sends(LispHeader().octets() + udp("198.18.2.9", "198.18.3.9"))
    assert len(router.to_site()) == 1


def test_visitor_that_says_it_leaves_is_withdrawn() -> None:
    router = Router(visitors=(visitor("198.18.3.0/24"),))
    eid = EidPrefix.parse("198.18.3.9/32")
    router.effects += router.xtr.arrived(eid, router.now)
    router.effects += router.xtr.left(eid, router.now)
    assert registers(router)[-1].records[0].record_ttl_minutes == 0
    assert HostRoute(eid, Towards.TUNNEL) in router.effects


def test_host_that_comes_back_is_taken_back() -> None:
    router = Router()
    router.hears(map_notify(record(str(VM), "192.0.2.14")), SERVER.host)
    router.site_sends(TO_BETA)
    assert router.xtr.state.away_prefix(VM) == VM, "what still lay in the queue brought it back"
    router.passes(3)
    router.site_sends(TO_BETA)
    assert router.xtr.state.away_prefix(VM) is None
    assert str(registers(router)[-1].records[0].eid_prefix) == str(VM)


SUBSCRIBING = {
    "subscribe": SharedKey(9, "hmac-sha-256-128", Secret(SUBSCRIPTION_SECRET)),
    "xtr_id": bytes(15) + b"\1",
}


def published(nonce: int, rloc: str, secret: bytes = SUBSCRIPTION_SECRET) -> bytes:
    return map_notify(record("198.18.2.0/24", rloc), nonce=nonce, secret=secret, key_id=9)


def subscribed() -> tuple[Router, int]:
    """A router that is subscribed to 198.18.2.0/24, and the nonce it did that with."""
    router = Router(**SUBSCRIBING)
    router.site_sends(TO_BETA)
    router.passes(0)
    asked = router.asked()[-1]
    assert asked.records[0].notification_requested
    assert asked.xtr_id == SUBSCRIBING["xtr_id"]
    router.hears(published(asked.nonce, FAR_RLOC), SERVER.host)
    return router, asked.nonce


def test_confirmation_of_a_subscription_is_the_answer() -> None:
    router, _ = subscribed()
    assert [one.destination for one in router.outer()] == [FAR_RLOC]
    assert len(router.direct(MapNotifyAck)) == 1


def test_publication_changes_the_map_cache_and_is_acknowledged() -> None:
    router, nonce = subscribed()
    router.hears(published(nonce + 1, "192.0.2.14"), SERVER.host)
    router.site_sends(TO_BETA)
    assert router.outer()[-1].destination == "192.0.2.14"
    assert len(router.direct(MapNotifyAck)) == 2


@pytest.mark.parametrize(
    ("above", "secret", "why"),
    [(0, SUBSCRIPTION_SECRET, "replayed"), (2, b"another", "unauthenticated")],
)
def test_publication_that_is_old_or_forged_changes_nothing(
    above: int, secret: bytes, why: str
) -> None:
    router, nonce = subscribed()
    router.hears(published(nonce + 1, "192.0.2.14"), SERVER.host)
    router.hears(published(nonce + above, FAR_RLOC, secret), SERVER.host)
    router.site_sends(TO_BETA)
    assert router.outer()[-1].destination == "192.0.2.14"
    assert router.uncarried() == {why: 1}


def test_publication_that_is_repeated_is_only_acknowledged() -> None:
    router, nonce = subscribed()
    for _ in range(2):
        router.hears(published(nonce + 1, "192.0.2.14"), SERVER.host)
    assert len(router.direct(MapNotifyAck)) == 3
    assert router.uncarried() == {}


def test_octets_that_are_no_message_are_counted() -> None:
    router = Router()
    router.hears(b"\x10")
    assert router.uncarried() == {"bad-message": 1}
