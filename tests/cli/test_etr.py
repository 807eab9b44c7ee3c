"""The small ETR without its socket, on a clock that the test turns."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import (
    RECORD_OCTETS_LIMIT,
    Acknowledged,
    Etr,
    EtrConfig,
    EtrEffect,
    Ignored,
    Notified,
    RegisterSent,
    RequestAnswered,
    Transmit,
    grouped,
)
from mapsys.lig import Question, encapsulated_map_request
from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from tests.http.registered import records

SERVER = Endpoint("192.0.2.1", 4342)
ITR = Endpoint("198.51.100.7", 50_000)
KEY = Key(b"a secret")


def config(*prefixes: str, **changes: object) -> EtrConfig:
    plain = EtrConfig(
        map_server=SERVER,
        records=records(*(prefixes or ("198.18.1.0/24",))),
        key=KEY,
        key_id=1,
        algorithm_id=2,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def etr(*prefixes: str, **changes: object) -> Etr:
    return Etr(config(*prefixes, **changes), itertools.count(1).__next__)


def sent(effects: list[EtrEffect]) -> list[bytes]:
    return [one.data for one in effects if isinstance(one, Transmit)]


def registers(effects: list[EtrEffect]) -> list[MapRegister]:
    found = []
    for data in sent(effects):
        message = decode(data)
        assert isinstance(message, MapRegister)
        assert KEY.verify(data)
        found.append(message)
    return found


def notify(register: MapRegister, key: Key = KEY, **changes: object) -> bytes:
    message = MapNotify(
        nonce=register.nonce,
        key_id=register.key_id,
        algorithm_id=register.algorithm_id,
        authentication_data=bytes(len(register.authentication_data)),
        records=register.records,
    )
    return key.sign(replace(message, **changes).octets())  # type: ignore[arg-type]


def request(eid: str, **flags: bool) -> MapRequest:
    address, mask_len = from_eid_prefix(EidPrefix.parse(eid))
    plain = MapRequest(
        nonce=77,
        source_eid=ip_address("198.18.9.9"),
        itr_rlocs=(ip_address(ITR.host),),
        records=(MapRequestRecord(address, mask_len),),
    )
    return replace(plain, **flags)  # type: ignore[arg-type]


def ignored(effects: list[EtrEffect]) -> list[str]:
    return [one.reason for one in effects if isinstance(one, Ignored)]


@pytest.mark.parametrize(("algorithm_id", "octets"), [(1, 20), (2, 32), (3, 16)])
def test_register_is_signed_and_wants_a_notify(algorithm_id: int, octets: int) -> None:
    (register,) = registers(
        etr(algorithm_id=algorithm_id, xtr_id=bytes(16), site_id=bytes(8)).start(0)
    )
    assert register.want_map_notify
    assert len(register.authentication_data) == octets
    assert (register.key_id, register.algorithm_id) == (1, algorithm_id)
    assert register.xtr_id == bytes(16)


def test_retransmissions_double_up_to_a_minute_each_with_a_higher_nonce() -> None:
    one = etr()
    nonces = [registers(one.start(0.0))[0].nonce]
    times = [0.0]
    for _ in range(8):
        deadline = one.next_deadline()
        assert deadline is not None
        assert one.expire(deadline - 0.01) == []
        nonces.append(registers(one.expire(deadline))[0].nonce)
        times.append(deadline)
    assert [b - a for a, b in itertools.pairwise(times)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert nonces == sorted(set(nonces))


def test_a_notify_ends_the_round_and_the_interval_begins() -> None:
    one = etr(interval_seconds=60.0)
    (first,) = registers(one.start(0.0))
    one.expire(1.0)
    effects = one.handle(notify(first), SERVER, 1.5)
    assert [type(effect) for effect in effects] == [Acknowledged]
    assert effects[0] == Acknowledged(first.nonce, 1.5, first.records, SERVER)
    assert one.is_settled
    assert one.next_deadline() == 61.5
    again = one.expire(61.5)
    assert [one.attempt for one in again if isinstance(one, RegisterSent)] == [1]


def test_a_second_notify_of_the_same_round_is_not_acknowledged() -> None:
    one = etr()
    (first,) = registers(one.start(0.0))
    (second,) = registers(one.expire(1.0))
    one.handle(notify(second), SERVER, 1.1)
    assert ignored(one.handle(notify(first), SERVER, 1.2)) == ["already-acknowledged"]


def test_a_notify_with_a_wrong_mac_or_key_changes_nothing() -> None:
    one = etr()
    (register,) = registers(one.start(0.0))
    forged = notify(register, Key(b"another secret"))
    assert ignored(one.handle(forged, SERVER, 0.1)) == ["authentication-failed"]
    assert ignored(one.handle(notify(register, key_id=9), SERVER, 0.1)) == ["unknown-key-id"]
    assert not one.is_settled


def test_an_unsolicited_notify_is_acknowledged_signed() -> None:
    one = etr()
    (register,) = registers(one.start(0.0))
    one.handle(notify(register), SERVER, 0.1)
    mover = Endpoint("192.0.2.1", 4342)
    effects = one.handle(notify(register, nonce=4242), mover, 5.0)
    assert [type(effect) for effect in effects] == [Notified, Transmit]
    (data,) = sent(effects)
    ack = decode(data)
    assert isinstance(ack, MapNotifyAck)
    assert KEY.verify(data)
    assert (ack.nonce, ack.records) == (4242, register.records)


def test_a_bare_request_is_answered_to_the_itr_rloc() -> None:
    one = etr()
    one.start(0.0)
    effects = one.handle(request("198.18.1.1").octets(), Endpoint("192.0.2.5", 6_000), 1.0)
    assert isinstance(effects[0], RequestAnswered)
    assert isinstance(effects[1], Transmit)
    assert effects[1].destination == Endpoint(ITR.host, 6_000)
    reply = decode(effects[1].data)
    assert isinstance(reply, MapReply)
    assert reply.nonce == 77
    assert [str(record.eid_prefix) for record in reply.records] == ["198.18.1.0/24"]
    assert reply.records[0].authoritative
    assert not reply.probe


def test_an_itr_rloc_of_the_servers_family_is_preferred() -> None:
    one = etr()
    one.start(0.0)
    both = (ip_address("2001:db8::7"), ip_address(ITR.host))
    for itr_rlocs, chosen in ((both, ITR.host), (both[:1], "2001:db8::7")):
        asked = replace(request("198.18.1.1"), itr_rlocs=itr_rlocs)
        effects = one.handle(asked.octets(), ITR, 1.0)
        assert isinstance(effects[1], Transmit)
        assert effects[1].destination.host == chosen


def test_a_request_in_an_ecm_is_answered_to_the_inner_port() -> None:
    one = etr()
    one.start(0.0)
    asked = Question(EidPrefix.parse("198.18.1.1"), SERVER, ITR.host, ITR.port, ITR.host)
    effects = one.handle(encapsulated_map_request(asked, 5), SERVER, 1.0)
    assert isinstance(effects[1], Transmit)
    assert effects[1].destination == ITR


def test_an_answer_holds_the_more_specifics_too() -> None:
    one = etr("198.18.1.0/24", "198.18.1.128/25", "198.18.3.0/24", '"printer"')
    one.start(0.0)
    (data,) = sent(one.handle(request("198.18.1.1").octets(), ITR, 1.0))
    reply = decode(data)
    assert isinstance(reply, MapReply)
    found = [str(record.eid_prefix) for record in reply.records]
    assert found == ["198.18.1.0/24", "198.18.1.128/25"]


def test_a_probe_is_answered_as_a_probe_from_the_local_locator() -> None:
    one = etr(local_hosts=frozenset({"127.0.0.2"}))
    one.start(0.0)
    (data,) = sent(one.handle(request("198.18.1.1", probe=True).octets(), ITR, 1.0))
    reply = decode(data)
    assert isinstance(reply, MapReply)
    assert reply.probe
    assert (reply.records[0].rlocs[0].local, reply.records[0].rlocs[0].probed) == (True, True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (request("198.18.2.1").octets(), "not-an-own-eid"),
        (replace(request("198.18.1.1"), itr_rlocs=(NoAddress(),)).octets(), "no-itr-rloc"),
        (request("198.18.1.1", smr=True).octets(), "no-map-reply-wanted"),
        (request("198.18.1.1", dont_map_reply=True).octets(), "no-map-reply-wanted"),
        (MapReply(1, ()).octets(), "unexpected-type"),
    ],
)
def test_anything_else_gets_silence_and_a_reason(data: bytes, reason: str) -> None:
    one = etr()
    one.start(0.0)
    effects = one.handle(data, ITR, 1.0)
    assert ignored(effects) == [reason]
    assert sent(effects) == []


def test_withdraw_sends_ttl_0_and_falls_silent() -> None:
    one = etr("198.18.1.0/24", "198.18.3.0/24")
    (register,) = registers(one.start(0.0))
    one.handle(notify(register), SERVER, 0.1)
    (gone,) = registers(one.withdraw(10.0))
    assert [record.record_ttl_minutes for record in gone.records] == [0, 0]
    assert gone.nonce > register.nonce
    one.handle(notify(gone), SERVER, 10.1)
    assert one.is_settled
    assert one.next_deadline() is None
    assert ignored(one.handle(request("198.18.1.1").octets(), ITR, 11.0)) == ["not-an-own-eid"]


def test_many_prefixes_go_in_several_registers_of_safe_size() -> None:
    prefixes = [f"198.18.{n}.0/24" for n in range(120)]
    one = etr(*prefixes)
    messages = registers(one.start(0.0))
    assert len(messages) > 1
    assert [record for message in messages for record in message.records] == [*records(*prefixes)]
    for message in messages:
        assert len(message.octets()) <= 1_232
    for message in messages:
        assert not one.is_settled
        one.handle(notify(message), SERVER, 0.5)
    assert one.is_settled


def test_groups_keep_order_and_size() -> None:
    found = grouped(records(*(f"198.18.{n}.0/24" for n in range(250))))
    assert all(sum(len(one.octets()) for one in group) <= RECORD_OCTETS_LIMIT for group in found)
    assert sum(len(group) for group in found) == 250


def test_an_etr_needs_something_to_register_and_a_way_to_sign() -> None:
    with pytest.raises(ValueError, match="at least one"):
        etr(records=tuple[EidRecord, ...]())
    with pytest.raises(ValueError, match="signs nothing"):
        etr(algorithm_id=0)
