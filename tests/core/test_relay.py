"""xTRs behind an address translator: registering through an RTR, and being told through it."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from dataclasses import replace

import pytest

from mapsys.core.details import RELAYED, Details, InnerAddresses
from mapsys.core.effects import Effect, Endpoint, Moved, Refreshed, Registered, Send, Withdrawn
from mapsys.core.relay_path import Rtr
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from mapsys.wire.rtr_authentication import RtrKey
from tests.core.world import (
    DEFAULTS,
    ONE,
    SERVER,
    Etr,
    World,
    drop_reason,
    map_request,
    of,
    record,
    refusal_reason,
    rloc,
)

RTR = "192.0.2.80"
OTHER_RTR = "192.0.2.81"
SECRET = b"the key of the RTR"
PRIVATE = "10.99.0.5"
PREFIX = "10.1.7.0/24"


def world(*rtrs: Rtr) -> World:
    return World(rtrs=rtrs or (Rtr(RTR), Rtr(OTHER_RTR)))


def behind(number: int = 1) -> Etr:
    """An xTR behind the translator, with an xTR-ID and Site-ID of its own."""
    return Etr(
        host=PRIVATE,
        xtr_id=bytes([number]) * 16,
        site_id=bytes([7]) * 8,
        nonces=itertools.count(number * 1000),
    )


def here(*also: str, rtr: str = RTR, **fields: int) -> EidRecord:
    """The mapping as the xTR registers it: its RTR, and private addresses for the RTR alone."""
    private = [rloc(host, reachable=False) for host in also]
    return record(PREFIX, rloc(rtr), *private, **fields)


def relays(
    world: World,
    payload: bytes,
    *,
    rtr: str = RTR,
    device: str = PRIVATE,
    server: str = SERVER.host,
    **flags: bool,
) -> list[Effect]:
    """An RTR passes a message on, as it came out of the xTR's own ECM."""
    inner = build_ip_udp(device, server, 49153, 4342, payload)
    ecm = Ecm(inner, **{"rtr_relayed": True, **flags})
    return world.hear(ecm.octets(), Endpoint(rtr, 4342))


def registers(world: World, etr: Etr, *records: EidRecord, **how: object) -> list[Effect]:
    flags = {k: v for k, v in how.items() if k in ("merge_request", "proxy_map_reply")}
    where = {k: v for k, v in how.items() if k not in flags}
    return relays(world, etr.message(*records, **flags), **where)  # type: ignore[arg-type]


def through_rtr(effects: list[Effect]) -> list[tuple[Ecm, MapNotify, Send]]:
    """Map-Notifies that go to an RTR, checked as the RTR would."""
    found = []
    for send in of(Send, effects):
        ecm = decode(send.data)
        assert isinstance(ecm, Ecm)
        assert ecm.rtr_process
        assert not ecm.rtr_relayed
        assert isinstance(ecm.message, MapNotify)
        assert ONE.verify(ecm.payload)
        found.append((ecm, ecm.message, send))
    return found


def test_a_relayed_registration_is_acknowledged_through_the_rtr() -> None:
    w = world()
    effects = registers(w, behind(), here())
    (registered,) = of(Registered, effects)
    assert registered.source == Endpoint(RTR, 4342)
    ((ecm, notify, send),) = through_rtr(effects)
    assert (send.destination, send.source) == (Endpoint(RTR, 4342), SERVER)
    assert send.after is not None
    assert ecm.security is None
    assert (ecm.inner_header.source, ecm.inner_header.source_port) == (SERVER.host, 4342)
    assert (ecm.inner_header.destination, ecm.inner_header.destination_port) == (PRIVATE, 4342)
    assert (notify.nonce, notify.xtr_id, notify.site_id) == (1000, bytes([1]) * 16, bytes([7]) * 8)
    (locator,) = w.answer("10.1.7.7").records[0].rlocs
    assert locator.rloc == ip_address(RTR)


def test_a_key_shared_with_the_rtr_signs_what_goes_through_it() -> None:
    for algorithm_id, digest, octets in ((1, hashlib.sha1, 12), (2, hashlib.sha256, 16)):
        w = world(Rtr(RTR, RtrKey(5, algorithm_id, SECRET)))
        ((ecm, _, _),) = through_rtr(registers(w, behind(), here()))
        mac = hmac.new(SECRET, ecm.payload, digest).digest()[:octets]
        assert ecm.security == bytes((2, 0, 0, 0, 0, 5, 0, octets)) + mac


def test_the_addresses_inside_may_be_of_another_family_than_the_rtr() -> None:
    w = world(Rtr("2001:db8:f::80"))
    effects = registers(
        w, behind(), here(), rtr="2001:db8:f::80", device=PRIVATE, server="192.0.2.10"
    )
    ((ecm, _, send),) = through_rtr(effects)
    assert send.destination == Endpoint("2001:db8:f::80", 4342)
    assert ecm.inner_header.destination == PRIVATE


def test_only_configured_rtrs_relay_and_only_for_xtrs_that_say_who_they_are() -> None:
    w = world()
    assert drop_reason(registers(w, behind(), here(), rtr="192.0.2.82")) == "not-an-rtr"
    nameless = replace(behind(), xtr_id=None, site_id=None)
    assert drop_reason(registers(w, nameless, here())) == "no-xtr-id"
    assert drop_reason(registers(w, replace(behind(), xtr_id=bytes(16)), here())) == "no-xtr-id"
    stranger = replace(behind(), key=DEFAULTS.sites[1].keys[0].current)
    assert drop_reason(registers(w, stranger, here())) == "authentication-failed"
    assert len(w.store) == 0


def test_without_the_n_bit_or_the_role_nothing_is_taken() -> None:
    w = world()
    payload = behind().message(here())
    assert drop_reason(relays(w, payload, rtr_relayed=False)) == "unexpected-type"
    assert drop_reason(relays(World(rtrs=(Rtr(RTR),), map_server=False), payload)) == (
        "unexpected-type"
    )
    info = MapNotify(1, 0, 2, bytes(32), ()).octets()
    assert drop_reason(relays(w, info)) == "unexpected-type"
    assert len(w.store) == 0


def test_a_map_request_from_an_rtr_is_answered_like_any_other() -> None:
    w = world()
    registers(w, behind(), here())
    effects = relays(w, map_request("10.1.7.7").octets())
    assert of(Send, effects)


def test_private_locators_stay_with_the_rtr() -> None:
    w = world()
    effects = registers(w, behind(), here(PRIVATE, "10.99.0.6"))
    ((_, notify, _),) = through_rtr(effects)
    (answered,) = w.answer("10.1.7.7").records
    mapping = w.store.get(EidPrefix.parse(PREFIX))
    assert mapping is not None
    for octets in (
        mapping.published,
        mapping.registrations[0].record,
        answered.octets(),
        notify.records[0].octets(),
    ):
        assert ip_address(PRIVATE).packed not in octets
    assert [r.rloc for r in answered.rlocs] == [ip_address(RTR)]


def test_a_mapping_that_only_the_rtr_could_use_is_refused() -> None:
    w = world()
    only_private = record(PREFIX, rloc(PRIVATE, reachable=False))
    assert refusal_reason(registers(w, behind(), only_private)) == "no-public-rloc"
    assert len(w.store) == 0


def test_locators_outside_the_sites_own_are_looked_at_where_they_are_public() -> None:
    allowed = (replace(DEFAULTS.sites[0], rlocs=(EidPrefix.parse("192.0.2.0/24"),)),)
    w = World(rtrs=(Rtr(RTR),), sites=allowed)
    assert of(Registered, registers(w, behind(), here(PRIVATE)))
    elsewhere = record(PREFIX, rloc(RTR), rloc("203.0.113.9"))
    assert refusal_reason(registers(w, behind(2), elsewhere)) == "rloc-not-allowed"


def test_a_withdrawal_comes_through_the_rtr_too() -> None:
    w = world()
    etr = behind()
    registers(w, etr, here())
    effects = registers(w, etr, record(PREFIX, ttl=0))
    assert of(Withdrawn, effects)
    assert len(through_rtr(effects)) == 1
    assert len(w.store) == 0


def test_a_refresh_is_one_and_goes_back_the_way_it_came() -> None:
    w = world()
    etr = behind()
    registers(w, etr, here())
    effects = registers(w, etr, here())
    (refreshed,) = of(Refreshed, effects)
    assert refreshed.again is None
    ((_, _, send),) = through_rtr(registers(w, etr, here(), rtr=OTHER_RTR))
    assert send.destination.host == OTHER_RTR
    (registration,) = w.store.get(EidPrefix.parse(PREFIX)).registrations  # type: ignore[union-attr]
    details = Details.unpack(registration.details)
    assert details.source.host == OTHER_RTR
    assert details.relayed == InnerAddresses(PRIVATE, SERVER.host)
    assert details.flags & RELAYED


def test_xtrs_behind_one_rtr_are_told_apart_and_merge() -> None:
    w = world()
    registers(w, behind(1), here(), merge_request=True)
    second = record(PREFIX, rloc(OTHER_RTR))
    effects = registers(w, behind(2), second, merge_request=True)
    found = through_rtr(effects)
    assert {notify.xtr_id for _, notify, _ in found} == {bytes([1]) * 16, bytes([2]) * 16}
    assert all(len(notify.records[0].rlocs) == 2 for _, notify, _ in found)
    assert len(w.answer("10.1.7.7").records[0].rlocs) == 2


def test_a_move_is_told_through_the_rtr_until_it_is_acknowledged_through_it() -> None:
    w = world()
    a = behind(1)
    registers(w, a, here())
    b = Etr(host="192.0.2.7", xtr_id=bytes([2]) * 16)
    effects = w.register(b, record(PREFIX, "192.0.2.7"))
    assert of(Moved, effects)
    to_rtr = [effect for effect in effects if isinstance(effect, Send)][-1:]
    ((ecm, notify, send),) = through_rtr(list(to_rtr))
    assert notify.xtr_id == a.xtr_id
    assert (send.destination, ecm.inner_header.destination) == (Endpoint(RTR, 4342), PRIVATE)
    assert notify.records[0].rlocs[0].rloc == ip_address("192.0.2.7")
    again = through_rtr(list(of(Send, w.pass_time(3.5))))
    assert [one.nonce for _, one, _ in again] == [notify.nonce]
    ack = a.acknowledges(notify)
    assert drop_reason(relays(w, ack, rtr="192.0.2.82")) == "not-an-rtr"
    assert relays(w, ack) == []
    assert of(Send, w.pass_time(60)) == []


def test_nobody_is_told_through_an_rtr_that_is_no_longer_configured() -> None:
    w = world()
    registers(w, behind(1), here())
    w.engine.reconfigure(replace(DEFAULTS, rtrs=()), w.now)
    effects = w.register(Etr(host="192.0.2.7"), record(PREFIX, "192.0.2.7"))
    assert {send.destination.host for send in of(Send, effects)} == {"192.0.2.7"}


def test_requests_that_the_xtr_answers_itself_go_to_its_rtr() -> None:
    w = world()
    registers(w, behind(), here(PRIVATE), proxy_map_reply=False)
    (send,) = of(Send, w.ask("10.1.7.7"))
    assert send.destination == Endpoint(RTR, 4342)
    passed_on = decode(send.data)
    assert isinstance(passed_on, Ecm)
    assert isinstance(passed_on.message, MapRequest)


def test_details_of_relayed_and_direct_registrations_survive_packing() -> None:
    direct = Details("one", 1, 2, 32, 0, 180, 7, Endpoint(RTR, 4342), SERVER, bytes(8))
    relayed = direct._replace(flags=RELAYED, relayed=InnerAddresses("2001:db8::5", "192.0.2.1"))
    for details in (direct, relayed):
        assert Details.unpack(details.pack()) == details
    with pytest.raises(ValueError, match="damaged"):
        Details.unpack(relayed.pack()[:50])


def test_a_key_for_an_rtr_has_one_of_two_algorithms_and_shows_no_secret() -> None:
    for algorithm_id in (0, 3, 9):
        with pytest.raises(ValueError, match="not for RTRs"):
            RtrKey(1, algorithm_id, SECRET)
    assert repr(RtrKey(1, 2, SECRET)) == "RtrKey(key_id=1, secret=...)"
