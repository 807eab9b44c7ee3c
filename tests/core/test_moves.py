"""Several xTRs behind one EID-Prefix: agreeing, merging, moving (RFC 9301, 5.6 and 5.7)."""

from __future__ import annotations

import itertools

from mapsys.core.details import Details
from mapsys.core.effects import Endpoint, Expired, Moved, Refreshed, Registered, Send, Withdrawn
from mapsys.core.notify import SEND_OFFSETS_SECONDS
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.lcaf import ReplicationEntry, ReplicationList
from mapsys.wire.records import RlocRecord
from tests.core.world import (
    ONE,
    Etr,
    World,
    drop_reason,
    notifies,
    of,
    record,
    refusal_reason,
)

HOST = "10.1.7.7/32"
HOME = EidPrefix.parse(HOST)


def xtr(number: int) -> Etr:
    """An xTR with an xTR-ID and an address of its own."""
    return Etr(
        host=f"192.0.2.{number}",
        xtr_id=bytes([number]) * 16,
        nonces=itertools.count(number * 1000),
    )


def at(number: int, **fields: int) -> object:
    return record(HOST, f"192.0.2.{number}", **fields)


def where(world: World) -> list[str]:
    return [r.rloc.text for r in world.answer("10.1.7.7").records[0].rlocs]  # type: ignore[union-attr]


def test_a_move_is_answered_at_once_and_told_to_the_former_xtr() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    effects = world.register(b, at(2))
    (moved,) = of(Moved, effects)
    assert moved.previous_registrants == (a.xtr_id,)
    assert moved.registrant == b.xtr_id
    assert where(world) == ["192.0.2.2"]
    (ack, _), (told, send) = notifies(effects)
    assert ack.xtr_id == b.xtr_id
    assert send.destination == Endpoint("192.0.2.1", 4342)
    assert told.xtr_id == a.xtr_id
    assert ONE.verify(send.data)
    assert told.records[0].rlocs[0].rloc == ip_address("192.0.2.2")


def test_the_former_xtr_is_told_at_the_appointed_times_until_it_acknowledges() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    start = world.now
    first = notifies(world.register(b, at(2)))[-1][0]
    times = [0.0]
    for _ in range(200):
        world.register(b, at(2))
        for _notify, send in notifies(world.pass_time(1)):
            if send.destination.host == "192.0.2.1":
                times.append(world.now - start)
    assert [round(t) for t in times] == [round(t) for t in SEND_OFFSETS_SECONDS]
    late = world.hear(a.acknowledges(first), Endpoint("192.0.2.1", 4342))
    assert drop_reason(late) == "unknown-notify"


def test_an_authenticated_ack_stops_the_repeats_and_a_forged_one_does_not() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    told = notifies(world.register(b, at(2)))[-1][0]
    forged = Etr(key=Key(b"guess")).acknowledges(told)
    source = Endpoint("192.0.2.1", 4342)
    assert drop_reason(world.hear(forged, source)) == "authentication-failed"
    assert notifies(world.pass_time(3))
    assert world.hear(a.acknowledges(told), source) == []
    assert not of(Send, world.pass_time(100))


def test_late_refreshes_of_the_former_xtr_change_nothing() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    world.register(b, at(2))
    for _ in range(5):
        world.pass_time(50)
        world.register(b, at(2))
        effects = world.register(a, at(1))
        assert of(Refreshed, effects)
        ((notify, _),) = notifies(effects)
        assert notify.records[0].rlocs[0].rloc == ip_address("192.0.2.2")
        assert where(world) == ["192.0.2.2"]


def test_a_late_refresh_without_m_bit_is_told_the_present_mapping_all_the_same() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    world.register(b, at(2))
    ((notify, send),) = notifies(world.register(a, at(1), want_map_notify=False))
    assert send.destination.host == "192.0.2.1"
    assert notify.records[0].rlocs[0].rloc == ip_address("192.0.2.2")


def test_a_late_withdraw_changes_nothing() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    world.register(b, at(2))
    assert not of(Withdrawn, world.register(a, at(1, ttl=0)))
    assert where(world) == ["192.0.2.2"]


def test_a_changed_record_is_a_move_back() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    world.register(b, at(2))
    assert of(Moved, world.register(a, record(HOST, "192.0.2.1", "192.0.2.11")))
    assert where(world) == ["192.0.2.1", "192.0.2.11"]


def test_after_ninety_silent_seconds_the_old_record_counts_again() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    world.register(b, at(2))
    world.pass_time(60)
    world.register(b, at(2))
    world.pass_time(32)
    assert of(Moved, world.register(a, at(1)))
    assert where(world) == ["192.0.2.1"]


def test_after_the_holder_withdrew_the_old_record_counts_again() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(a, at(1))
    world.register(b, at(2))
    assert of(Withdrawn, world.register(b, at(2, ttl=0)))
    assert len(world.store) == 0
    assert of(Registered, world.register(a, at(1)))
    assert where(world) == ["192.0.2.1"]


def test_with_the_holder_its_former_registrants_are_forgotten() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    world.register(b, at(2))
    world.pass_time(170)
    world.register(a, at(1))
    world.register(b, at(2, ttl=5))
    effects = world.pass_time(190)
    assert len(of(Expired, effects)) == 1
    assert len(world.store) == 0


def test_a_new_more_specific_is_told_to_the_holder_of_the_prefix_around_it() -> None:
    world = World()
    home, visited = xtr(1), xtr(2)
    world.register(home, record("10.1.0.0/16", "192.0.2.1"))
    effects = world.register(visited, at(2))
    assert [send.destination.host for _, send in notifies(effects)] == ["192.0.2.2", "192.0.2.1"]
    again = world.register(visited, at(2))
    assert [send.destination.host for _, send in notifies(again)] == ["192.0.2.2"]


def test_two_xtrs_that_register_the_same_set_agree() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    both = record("10.1.0.0/16", "192.0.2.1", "192.0.2.2")
    world.register(a, both)
    effects = world.register(b, both)
    assert not of(Moved, effects)
    assert len(notifies(effects)) == 1
    world.pass_time(100)
    world.register(b, both)
    assert of(Expired, world.pass_time(81))
    assert len(world.store) == 1
    assert len(world.answer("10.1.1.1").records[0].rlocs) == 2


def test_xtrs_behind_one_address_are_told_apart_by_their_xtr_id() -> None:
    world = World()
    a = Etr(host="192.0.2.1", xtr_id=b"\x01" * 16, nonces=itertools.count(900))
    b = Etr(host="192.0.2.1", xtr_id=b"\x02" * 16, nonces=itertools.count(5))
    world.register(a, record("10.1.0.0/16", "192.0.2.1"), merge_request=True)
    world.register(b, record("10.1.0.0/16", "192.0.2.2"), merge_request=True)
    assert len(world.store) == 2
    assert of(Withdrawn, world.register(b, record("10.1.0.0/16", ttl=0), merge_request=True))
    assert where(world) == ["192.0.2.1"]


def test_merging_publishes_the_sorted_union_and_tells_the_others() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    prefix = "10.1.0.0/16"
    world.register(b, record(prefix, "192.0.2.2"), merge_request=True)
    effects = world.register(a, record(prefix, "192.0.2.1", ttl=60), merge_request=True)
    assert not of(Moved, effects)
    (ack, to_a), (told, to_b) = notifies(effects)
    assert (to_a.destination.host, to_b.destination.host) == ("192.0.2.1", "192.0.2.2")
    for message in (ack, told):
        hosts = [r.rloc.text for r in message.records[0].rlocs]  # type: ignore[union-attr]
        assert hosts == ["192.0.2.1", "192.0.2.2"]
    reply = world.answer("10.1.1.1").records[0]
    assert reply.record_ttl_minutes == 60
    assert len(reply.rlocs) == 2


def test_each_merged_contribution_expires_by_itself() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    prefix = "10.1.0.0/16"
    world.register(a, record(prefix, "192.0.2.1"), merge_request=True)
    world.pass_time(100)
    world.register(b, record(prefix, "192.0.2.2"), merge_request=True)
    effects = world.pass_time(82)
    assert of(Expired, effects)
    ((told, send),) = [n for n in notifies(effects) if len(n[0].records[0].rlocs) == 1]
    assert send.destination.host == "192.0.2.2"
    assert [r.rloc.text for r in world.answer("10.1.1.1").records[0].rlocs] == ["192.0.2.2"]  # type: ignore[union-attr]
    assert told.records[0].rlocs[0].rloc == ip_address("192.0.2.2")


def test_a_merged_withdrawal_leaves_the_others() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    prefix = "10.1.0.0/16"
    world.register(a, record(prefix, "192.0.2.1"), merge_request=True)
    world.register(b, record(prefix, "192.0.2.2"), merge_request=True)
    effects = world.register(a, record(prefix, "192.0.2.1", ttl=0), merge_request=True)
    assert of(Withdrawn, effects)
    assert [r.rloc.text for r in world.answer("10.1.1.1").records[0].rlocs] == ["192.0.2.2"]  # type: ignore[union-attr]
    assert "192.0.2.2" in [send.destination.host for _, send in notifies(effects)]


def test_a_union_beyond_thirty_two_locators_is_refused_not_cut() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    prefix = "10.1.0.0/16"
    world.register(a, record(prefix, *[f"192.0.2.{n}" for n in range(1, 31)]), merge_request=True)
    three = record(prefix, "198.51.100.1", "198.51.100.2", "198.51.100.3")
    assert refusal_reason(world.register(b, three, merge_request=True)) == "too-many-locators"
    two = record(prefix, "198.51.100.1", "198.51.100.2")
    assert of(Registered, world.register(b, two, merge_request=True))
    assert len(world.answer("10.1.1.1").records[0].rlocs) in (31, 32)


def test_one_that_does_not_merge_takes_over_and_the_conflict_is_said() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    prefix = "10.1.0.0/16"
    world.register(a, record(prefix, "192.0.2.1"), merge_request=True)
    (moved,) = of(Moved, world.register(b, record(prefix, "192.0.2.2")))
    assert moved.merge_conflict
    assert where(world) == ["192.0.2.2"]


def test_another_site_id_starts_a_new_set() -> None:
    world = World()
    a = Etr(host="192.0.2.1", xtr_id=b"\x01" * 16, site_id=b"\x0a" * 8)
    b = Etr(host="192.0.2.2", xtr_id=b"\x02" * 16, site_id=b"\x0b" * 8, nonces=itertools.count(99))
    prefix = "10.1.0.0/16"
    world.register(a, record(prefix, "192.0.2.1"), merge_request=True)
    assert of(Moved, world.register(b, record(prefix, "192.0.2.2"), merge_request=True))


def test_replication_lists_are_collected_in_one_without_doubles() -> None:
    world = World()
    a, b = xtr(1), xtr(2)
    prefix = "10.1.0.0/16"

    def replicating(*hosts: str) -> RlocRecord:
        entries = tuple(ReplicationEntry(ip_address(h), 128) for h in hosts)
        return RlocRecord(ReplicationList(entries), 1, 100, 255, 0)

    world.register(a, record(prefix, replicating("192.0.2.1", "192.0.2.5")), merge_request=True)
    world.register(b, record(prefix, replicating("192.0.2.2", "192.0.2.5")), merge_request=True)
    (merged,) = world.answer("10.1.1.1").records[0].rlocs
    assert isinstance(merged.rloc, ReplicationList)
    hosts = sorted(e.address.text for e in merged.rloc.entries)  # type: ignore[union-attr]
    assert hosts == ["192.0.2.1", "192.0.2.2", "192.0.2.5"]


def test_no_more_than_sixty_four_xtrs_stand_behind_one_prefix() -> None:
    world = World()
    same = record("10.1.0.0/16", "192.0.2.1")
    for number in range(64):
        etr = Etr(xtr_id=number.to_bytes(16, "big"), nonces=itertools.count(number * 10))
        world.register(etr, same)
    extra = Etr(xtr_id=b"\xff" * 16, nonces=itertools.count(9999))
    assert refusal_reason(world.register(extra, same)) == "too-many-registrants"
    assert len(world.store) == 64


def test_what_is_noted_about_a_registration_reads_back() -> None:
    world = World()
    etr = Etr(port=61000, xtr_id=b"\x05" * 16, site_id=b"\x06" * 8)
    world.register(etr, at(1), security_capable=True)
    mapping = world.store.get(HOME)
    assert mapping is not None
    details = Details.unpack(mapping.registrations[0].details)
    assert details.site == "one"
    assert details.source == Endpoint("192.0.2.1", 61000)
    assert details.site_id == b"\x06" * 8
    assert details.first_registered == 1_700_001_000
    assert details.lifetime_seconds == 180
    assert details.proxy_map_reply
    assert details.security_capable
    assert not details.merges
    assert details.pack() == mapping.registrations[0].details
