"""lig without its socket."""

from __future__ import annotations

import itertools

import pytest

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lig import Lig, Question, asked_eid
from mapsys.wire.address import Ipv4, NoAddress
from mapsys.wire.ecm import Ecm
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import Action, EidRecord
from tests.http.registered import records

RESOLVER = Endpoint("192.0.2.1", 4342)


def question(eid: str, **changes: object) -> Question:
    facts: dict[str, object] = {
        "eid": EidPrefix.parse(eid),
        "map_resolver": RESOLVER,
        "itr_rloc": "198.51.100.1",
        "source_port": 50_000,
        "inner_source": "198.51.100.1",
    }
    return Question(**{**facts, **changes})  # type: ignore[arg-type]


def asked(message: bytes | None) -> tuple[Ecm, MapRequest]:
    assert message is not None
    ecm = decode(message)
    assert isinstance(ecm, Ecm)
    assert isinstance(ecm.message, MapRequest)
    return ecm, ecm.message


def nonces() -> itertools.count[int]:
    return itertools.count(100)


@pytest.mark.parametrize(
    ("eid", "destination", "mask_len"),
    [
        ("198.18.1.1", "198.18.1.1", 32),
        ("[7]198.18.1.1", "198.18.1.1", 32),
        ("198.18.1.0/24", "198.18.1.0", 32),
        ("02:00:00:00:00:01", "192.0.2.1", 48),
        ('"printer"', "192.0.2.1", 64),
        ("(198.18.1.1,239.1.1.1)", "192.0.2.1", 0),
    ],
)
def test_request_asks_for_one_eid_in_full_length(eid: str, destination: str, mask_len: int) -> None:
    ecm, request = asked(Lig(question(eid), nonces().__next__).send(0.0))
    assert ecm.inner_header.destination == destination
    assert ecm.inner_header.source == "198.51.100.1"
    assert (ecm.inner_header.source_port, ecm.inner_header.destination_port) == (50_000, 4342)
    assert request.itr_rlocs == (Ipv4(bytes((198, 51, 100, 1))),)
    assert request.source_eid == NoAddress()
    assert [one.eid_prefix for one in request.records] == [asked_eid(EidPrefix.parse(eid))]
    if mask_len:
        assert request.records[0].mask_len == mask_len


def test_an_ipv6_eid_gets_an_ipv6_inner_header() -> None:
    ecm, request = asked(
        Lig(question("2001:db8::1", inner_source="::"), nonces().__next__).send(0.0)
    )
    assert ecm.inner_header.destination == "2001:db8::1"
    assert request.records[0].mask_len == 128


def test_source_eid_stands_in_the_request() -> None:
    _, request = asked(
        Lig(question("198.18.1.1", source_eid="198.18.9.9"), nonces().__next__).send(0.0)
    )
    assert request.source_eid == Ipv4(bytes((198, 18, 9, 9)))


def test_each_try_has_a_new_nonce_and_the_last_one_is_the_last() -> None:
    query = Lig(question("198.18.1.1", count=3, timeout_seconds=2.0), nonces().__next__)
    sent = [asked(query.send(now))[1].nonce for now in (0.0, 2.0, 4.0)]
    assert len(set(sent)) == 3
    assert query.next_deadline() == 6.0
    assert query.send(6.0) is None
    assert query.requests_sent == 3


@pytest.mark.parametrize("count", [0, 6])
def test_count_is_bounded(count: int) -> None:
    with pytest.raises(ValueError, match="count"):
        Lig(question("198.18.1.1", count=count), nonces().__next__)


def test_reply_to_any_of_the_tries_counts_with_its_own_time() -> None:
    query = Lig(question("198.18.1.1"), nonces().__next__)
    first = asked(query.send(10.0))[1].nonce
    query.send(12.0)
    reply = MapReply(first, records("198.18.1.0/24", "198.18.1.0/25"))
    answer = query.receive(reply.octets(), Endpoint("192.0.2.9", 4342), 12.5)
    assert answer is not None
    assert answer.rtt_seconds == 2.5
    assert answer.map_replier.host == "192.0.2.9"
    assert answer.requests_sent == 2
    assert str(answer.record.eid_prefix) == "198.18.1.0/25"
    assert [str(one.eid_prefix) for one in answer.others] == ["198.18.1.0/24"]
    assert not answer.is_negative


def test_negative_reply() -> None:
    query = Lig(question("198.18.4.1"), nonces().__next__)
    nonce = asked(query.send(0.0))[1].nonce
    hole = EidRecord(15, Ipv4(bytes((198, 18, 4, 0))), 22, action=Action.NATIVELY_FORWARD)
    answer = query.receive(MapReply(nonce, (hole,)).octets(), RESOLVER, 0.1)
    assert answer is not None
    assert answer.is_negative


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 40,
        MapReply(99, records("198.18.1.0/24")).octets(),
        MapReply(100, records("198.18.2.0/24")).octets(),
        MapReply(100, records("[7]198.18.1.0/24")).octets(),
        MapReply(100, ()).octets(),
    ],
    ids=["empty", "garbage", "other nonce", "other eid", "other instance", "no record"],
)
def test_what_is_no_answer_is_ignored(data: bytes) -> None:
    query = Lig(question("198.18.1.1"), nonces().__next__)
    query.send(0.0)
    assert query.receive(data, RESOLVER, 0.1) is None
