"""Whole conversations between our ETR, our ITR and the servers, until everybody is quiet."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from mapsys.core.effects import Endpoint, Expired, Moved, Withdrawn
from mapsys.etr import Acknowledged, Ignored, Notified, RegisterSent, RequestAnswered
from mapsys.record_view import address_text
from mapsys.wire.message import decode
from tests.core.world import DEFAULTS, ONE, SERVER, TWO, of, record
from tests.scenario_conversation import Conversation, Passed

E = TypeVar("E")

PREFIX = "10.1.0.0/16"
HOST = "10.1.7.7/32"

RESOLVER = Endpoint("192.0.2.30", 4342)
RESOLVER_SETTINGS = replace(
    DEFAULTS,
    sites=(),
    local=(RESOLVER,),
    authority=(DEFAULTS.authority[1],),
    map_servers=(SERVER,),
)


def with_server() -> Conversation:
    talk = Conversation()
    talk.add_server(DEFAULTS)
    return talk


def identity(number: int) -> dict[str, Any]:
    return {"xtr_id": bytes([number]) * 16, "site_id": bytes(8), "proxy_map_reply": True}


def where(talk: Conversation, eid: str, resolver: Endpoint = SERVER) -> list[str]:
    answer = talk.ask(eid, resolver)
    assert answer is not None, f"no answer for {eid}"
    return [address_text(rloc.rloc) for rloc in answer.record.rlocs]


def events(kind: type[E], talk: Conversation, host: str) -> list[E]:
    """What an ETR tells its operator, of one kind."""
    return [event for event in talk.heard[host] if isinstance(event, kind)]


def kinds(talk: Conversation) -> Counter[str]:
    return Counter(type(decode(passed.data)).__name__ for passed in talk.passed)


def test_a_register_is_acknowledged_and_a_question_answered_by_the_server() -> None:
    talk = with_server()
    talk.add_etr("192.0.2.1", SERVER, ONE, record(PREFIX, "192.0.2.1"), proxy_map_reply=True)
    assert [type(e) for e in talk.heard["192.0.2.1"]][-1] is Acknowledged
    assert where(talk, "10.1.2.3") == ["192.0.2.1"]
    assert talk.answers[0].map_replier == SERVER
    assert kinds(talk) == {"MapRegister": 1, "MapNotify": 1, "Ecm": 1, "MapReply": 1}


def test_without_p_bit_the_etr_itself_answers_the_itr() -> None:
    talk = with_server()
    talk.add_etr("192.0.2.1", SERVER, ONE, record(PREFIX, "192.0.2.1"))
    assert where(talk, "10.1.2.3") == ["192.0.2.1"]
    assert talk.answers[0].map_replier == Endpoint("192.0.2.1", 4342)
    assert talk.answers[0].record.authoritative
    assert events(RequestAnswered, talk, "192.0.2.1")


def test_a_resolver_leads_to_the_map_server_and_on_to_the_etr() -> None:
    talk = with_server()
    talk.add_server(RESOLVER_SETTINGS)
    talk.add_etr("192.0.2.1", SERVER, ONE, record(PREFIX, "192.0.2.1"))
    assert where(talk, "10.1.2.3", RESOLVER) == ["192.0.2.1"]
    assert talk.answers[0].map_replier.host == "192.0.2.1"
    assert where(talk, "10.9.9.9", RESOLVER) == []
    assert talk.answers[0].map_replier == SERVER


def test_two_resolvers_that_ask_each_other_fall_silent() -> None:
    talk = Conversation()
    other = Endpoint("192.0.2.31", 4342)
    talk.add_server(replace(RESOLVER_SETTINGS, map_servers=(other,)))
    talk.add_server(replace(RESOLVER_SETTINGS, local=(other,), map_servers=(RESOLVER,)))
    third = Endpoint("192.0.2.32", 4342)
    talk.add_server(replace(RESOLVER_SETTINGS, local=(third,), map_servers=(other, RESOLVER)))
    assert talk.ask("172.16.0.1", third) is None
    assert len(talk.passed) <= 9


@pytest.mark.parametrize("hours", [1])
def test_refreshes_keep_a_registration_for_as_long_as_they_come(hours: int) -> None:
    talk = with_server()
    talk.add_etr("192.0.2.1", SERVER, ONE, record(PREFIX, "192.0.2.1"), proxy_map_reply=True)
    talk.pass_time(hours * 3600)
    assert where(talk, "10.1.2.3") == ["192.0.2.1"]
    assert not of(Expired, talk.did)
    assert kinds(talk)["MapRegister"] == kinds(talk)["MapNotify"] == hours * 60 + 1
    talk.remove_etr("192.0.2.1")
    talk.pass_time(182)
    assert len(of(Expired, talk.did)) == 1
    assert where(talk, "10.1.2.3") == []


def test_many_prefixes_are_registered_in_several_messages() -> None:
    talk = with_server()
    records = [record(f"10.1.{n}.0/24", "192.0.2.1") for n in range(200)]
    talk.add_etr("192.0.2.1", SERVER, ONE, *records, proxy_map_reply=True)
    acknowledged = events(Acknowledged, talk, "192.0.2.1")
    assert sum(len(one.records) for one in acknowledged) == 200
    assert len(acknowledged) > 1
    assert all(len(passed.data) <= 1280 - 48 for passed in talk.passed)


def test_merging_xtrs_are_told_of_each_other() -> None:
    talk = with_server()
    for number in (2, 1, 3):
        host = f"192.0.2.{number}"
        talk.add_etr(
            host, SERVER, ONE, record(PREFIX, host), merge_request=True, **identity(number)
        )
    assert where(talk, "10.1.2.3") == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert len(events(Notified, talk, "192.0.2.2")) == 2
    assert len(events(Notified, talk, "192.0.2.1")) == 1
    talk.pass_time(200)
    assert kinds(talk)["MapNotifyAck"] == 3, "each was told once, and acknowledged"
    talk.withdraw("192.0.2.1")
    assert where(talk, "10.1.2.3") == ["192.0.2.2", "192.0.2.3"]
    talk.pass_time(600)
    assert not of(Moved, talk.did)


def test_a_host_moves_there_and_back_while_the_former_xtr_goes_on_registering() -> None:
    talk = with_server()
    talk.add_etr(
        "192.0.2.1",
        SERVER,
        ONE,
        record(PREFIX, "192.0.2.1"),
        record(HOST, "192.0.2.1"),
        **identity(1),
    )
    talk.pass_time(30)
    talk.add_etr("192.0.2.2", SERVER, ONE, record(HOST, "192.0.2.2"), **identity(2))
    assert where(talk, "10.1.7.7") == ["192.0.2.2"]
    (told,) = events(Notified, talk, "192.0.2.1")
    assert address_text(told.records[0].rlocs[0].rloc) == "192.0.2.2"
    for _ in range(20):
        talk.pass_time(31)
        assert where(talk, "10.1.7.7") == ["192.0.2.2"]
    talk.withdraw("192.0.2.2")
    talk.pass_time(61)
    assert where(talk, "10.1.7.7") == ["192.0.2.1"]
    assert len(of(Moved, talk.did)) == 1
    assert len(of(Withdrawn, talk.did)) == 1


def test_what_gets_lost_is_sent_again() -> None:
    tried: Counter[tuple[int, Endpoint]] = Counter()

    def the_first_of_each_kind(passed: Passed) -> bool:
        kind = passed.data[0] >> 4, passed.destination
        tried[kind] += 1
        return tried[kind] <= 1

    talk = Conversation(the_first_of_each_kind)
    talk.add_server(DEFAULTS)
    talk.add_etr("192.0.2.1", SERVER, ONE, record(HOST, "192.0.2.1"), **identity(1))
    assert not events(Acknowledged, talk, "192.0.2.1")
    talk.pass_time(20)
    assert events(Acknowledged, talk, "192.0.2.1")
    assert [e.attempt for e in events(RegisterSent, talk, "192.0.2.1")][:2] == [1, 2]
    talk.add_etr("192.0.2.2", SERVER, ONE, record(HOST, "192.0.2.2"), **identity(2))
    talk.pass_time(40)
    assert events(Notified, talk, "192.0.2.1")
    assert where(talk, "10.1.7.7") == ["192.0.2.2"]


def test_nobody_listens_to_a_stranger() -> None:
    talk = with_server()
    talk.add_etr("192.0.2.66", SERVER, TWO, record(PREFIX, "192.0.2.66"))
    talk.pass_time(300)
    assert where(talk, "10.1.2.3") == []
    assert not events(Acknowledged, talk, "192.0.2.66")
    assert not events(Ignored, talk, "192.0.2.66"), "it hears nothing at all"
