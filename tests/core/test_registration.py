"""Map-Register: who is believed, what is accepted, what is acknowledged (RFC 9301, 5.6 and 8.2)."""

from __future__ import annotations

import pytest

from mapsys.core.effects import (
    Dropped,
    Endpoint,
    Expired,
    Refreshed,
    Refused,
    Registered,
    Send,
    Withdrawn,
)
from mapsys.core.limiter import Limits, Rate
from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key
from mapsys.wire.map_register import MapRegister
from mapsys.wire.message import decode
from tests.core.world import (
    DEFAULTS,
    ONE,
    SERVER,
    TWO,
    Etr,
    World,
    drop_reason,
    notifies,
    of,
    record,
    refusal_reason,
    rloc,
    site,
    site_one,
    site_two,
)

ALGORITHMS = [(1, 12), (1, 20), (2, 16), (2, 32), (3, 16), (3, 32)]


@pytest.mark.parametrize(("algorithm_id", "mac_length"), ALGORITHMS)
def test_register_is_acknowledged_in_kind(algorithm_id: int, mac_length: int) -> None:
    world = World()
    etr = Etr(algorithm_id=algorithm_id, mac_length=mac_length)
    effects = world.register(etr, record("10.1.0.0/16", "192.0.2.1"), nonce=0x1122334455667788)
    ((notify, send),) = notifies(effects)
    assert of(Registered, effects)[0].first
    assert notify.nonce == 0x1122334455667788
    assert (notify.key_id, notify.algorithm_id) == (0, algorithm_id)
    assert len(notify.authentication_data) == mac_length
    assert ONE.verify(send.data)
    assert send.destination == Endpoint("192.0.2.1", 4342)
    assert send.source == SERVER
    assert send.after == world.store.ticket


def test_register_without_m_bit_is_accepted_in_silence() -> None:
    world = World()
    effects = world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), want_map_notify=False)
    assert of(Registered, effects)
    assert not of(Send, effects)


def test_notify_goes_to_the_source_port_where_the_site_says_so() -> None:
    world = World(sites=(site_one(notify_to_source=True), site_two()))
    effects = world.register(Etr(port=61000), record("10.1.0.0/16", "192.0.2.1"))
    assert notifies(effects)[0][1].destination == Endpoint("192.0.2.1", 61000)


def test_trailer_is_copied_into_the_notify() -> None:
    world = World()
    etr = Etr(xtr_id=bytes(range(16)), site_id=b"\x11" * 8)
    ((notify, _),) = notifies(world.register(etr, record("10.1.0.0/16", "192.0.2.1")))
    assert (notify.xtr_id, notify.site_id) == (bytes(range(16)), b"\x11" * 8)


@pytest.mark.parametrize("algorithm_id", [1, 2, 3])
def test_any_flipped_bit_gets_silence(algorithm_id: int) -> None:
    world = World()
    data = Etr(algorithm_id=algorithm_id, mac_length=20 if algorithm_id == 1 else 32).message(
        record("10.1.0.0/16", "192.0.2.1")
    )
    for bit in range(8 * len(data)):
        forged = bytearray(data)
        forged[bit // 8] ^= 0x80 >> bit % 8
        effects = world.hear(bytes(forged), Endpoint("192.0.2.1", 4342))
        assert len(world.store) == 0, f"bit {bit}"
        assert [type(e) for e in effects] == [Dropped] or bit < 4, f"bit {bit}: {effects}"
        assert not notifies(effects)


def test_wrong_key_algorithm_or_key_id_is_dropped_before_anything_is_held() -> None:
    world = World()
    rec = record("10.1.0.0/16", "192.0.2.1")
    assert drop_reason(world.register(Etr(key=TWO), rec)) == "authentication-failed"
    assert drop_reason(world.register(Etr(key_id=9), rec)) == "unknown-key-id"
    only_hkdf = LispSite(
        "one",
        (SiteKey(0, frozenset({3}), ONE),),
        (EidRule(EidPrefix.parse("10.1.0.0/16")),),
    )
    strict = World(sites=(only_hkdf,))
    assert drop_reason(strict.register(Etr(), rec)) == "algorithm-not-allowed"
    assert drop_reason(world.register(Etr(), record("10.9.0.0/16", "192.0.2.1"))) == "no-site"
    assert len(world.store) == len(strict.store) == 0


def test_algorithm_none_is_never_accepted() -> None:
    world = World()
    register = MapRegister(1, 0, 0, b"", (record("10.1.0.0/16", "192.0.2.1"),))
    assert drop_reason(world.hear(register.octets(), Endpoint("192.0.2.1", 4342))) == (
        "algorithm-not-allowed"
    )


def test_mac_of_another_length_is_refused() -> None:
    world = World()
    register = MapRegister(1, 0, 2, bytes(20), (record("10.1.0.0/16", "192.0.2.1"),))
    assert drop_reason(world.hear(register.octets(), Endpoint("192.0.2.1", 4342))) == (
        "authentication-failed"
    )


def test_register_without_records_is_dropped() -> None:
    assert drop_reason(World().register(Etr())) == "no-records"


def test_one_message_speaks_for_one_site() -> None:
    world = World()
    effects = world.register(
        Etr(), record("10.1.0.0/16", "192.0.2.1"), record("10.2.0.0/16", "192.0.2.1")
    )
    assert drop_reason(effects) == "several-sites"


def test_a_verdict_on_the_mac_is_taken_over_from_the_datapath() -> None:
    world = World()
    data = Etr(key=TWO).message(record("10.1.0.0/16", "192.0.2.1"))
    source = Endpoint("192.0.2.1", 4342)
    assert drop_reason(world.hear(data, source, mac_good=False)) == "authentication-failed"
    assert of(Registered, world.hear(data, source, mac_good=True))


def test_all_records_are_accepted_or_none() -> None:
    world = World()
    effects = world.register(
        Etr(), record("10.1.0.0/16", "192.0.2.1"), record("10.7.0.0/16", "192.0.2.1")
    )
    assert refusal_reason(effects) == "not-configured"
    assert len(world.store) == 0
    assert world.store.take_changes()[1] == b""


def test_more_specifics_only_where_the_site_accepts_them() -> None:
    world = World()
    assert of(Registered, world.register(Etr(), record("10.1.2.3/32", "192.0.2.1")))
    effects = world.register(Etr(key=TWO), record("10.2.1.0/24", "192.0.2.1"))
    assert refusal_reason(effects) == "more-specific-not-accepted"


def test_more_specifics_beyond_the_limit_are_refused_and_none_is_evicted() -> None:
    rule = EidRule(
        EidPrefix.parse("10.1.0.0/16"), accept_more_specifics=True, more_specifics_limit=2
    )
    limited = LispSite("one", (SiteKey(0, frozenset({2}), ONE),), (rule,))
    world = World(sites=(limited,))
    etr = Etr()
    world.register(etr, record("10.1.0.0/16", "192.0.2.1"))
    world.register(etr, record("10.1.0.1/32", "192.0.2.1"), record("10.1.0.2/32", "192.0.2.1"))
    effects = world.register(etr, record("10.1.0.3/32", "192.0.2.1"))
    assert refusal_reason(effects) == "more-specifics-limit"
    assert len(world.store) == 3
    world.register(etr, record("10.1.0.1/32", "192.0.2.1", ttl=0))
    assert of(Registered, world.register(etr, record("10.1.0.3/32", "192.0.2.1")))
    assert world.engine.more_specifics_held(EidPrefix.parse("10.1.0.0/16")) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record("10.1.0.0/16", *[f"192.0.2.{n}" for n in range(1, 34)]), "too-many-locators"),
        (record("10.1.0.0/16", "224.0.0.1"), "rloc-not-usable"),
        (record("10.1.0.0/16", "0.0.0.0"), "rloc-not-usable"),
        (record("10.1.0.0/16", "127.0.0.1"), "rloc-not-usable"),
        (record("10.1.0.0/16", "203.0.113.1"), "rloc-not-allowed"),
    ],
)
def test_locators_that_policy_does_not_allow(bad: object, reason: str) -> None:
    world = World(sites=(site_one(rlocs=(EidPrefix.parse("192.0.2.0/24"),)),))
    assert refusal_reason(world.register(Etr(), bad)) == reason  # type: ignore[arg-type]
    assert len(world.store) == 0


def test_thirty_two_locators_are_accepted() -> None:
    hosts = [f"192.0.2.{n}" for n in range(1, 33)]
    assert of(Registered, World().register(Etr(), record("10.1.0.0/16", *hosts)))


def test_a_prefix_may_stand_in_one_record_only() -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    assert refusal_reason(World().register(Etr(), rec, rec)) == "duplicate-record"


def test_a_site_switched_off_is_refused() -> None:
    world = World(sites=(site_one(enabled=False),))
    effects = world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    assert refusal_reason(effects) == "site-disabled"


def test_registers_are_refused_while_the_journal_cannot_be_written() -> None:
    world = World()
    world.engine.set_writable(False)
    rec = record("10.1.0.0/16", "192.0.2.1")
    assert refusal_reason(world.register(Etr(), rec)) == "journal-unavailable"
    world.engine.set_writable(True)
    assert of(Registered, world.register(Etr(), rec))


def test_registers_of_a_site_have_a_budget() -> None:
    limits = Limits(registers_per_site=Rate(1, 2))
    world = World(limits=limits)
    etr = Etr()
    rec = record("10.1.0.0/16", "192.0.2.1")
    world.register(etr, rec)
    world.register(etr, rec)
    assert drop_reason(world.register(etr, rec)) == "rate-limited"
    world.now += 1
    assert of(Refreshed, world.register(etr, rec))


def test_visitors_key_is_good_for_more_specifics_only() -> None:
    keys = (
        SiteKey(0, frozenset({2}), ONE),
        SiteKey(2, frozenset({2}), TWO, holder="two"),
    )
    rule = EidRule(EidPrefix.parse("10.1.0.0/16"), accept_more_specifics=True)
    world = World(sites=(LispSite("one", keys, (rule,)),))
    visitor = Etr(host="192.0.2.2", key=TWO, key_id=2)
    effects = world.register(visitor, record("10.1.0.0/16", "192.0.2.2"))
    assert refusal_reason(effects) == "visitor-exact-prefix"
    assert of(Registered, world.register(visitor, record("10.1.5.5/32", "192.0.2.2")))


def test_next_secret_and_validity_times() -> None:
    coming = Key(b"the secret being rotated in")
    key = SiteKey(0, frozenset({2}), ONE, next=coming, valid_from=1000.0, valid_until=2000.0)
    world = World(sites=(LispSite("one", (key,), (EidRule(EidPrefix.parse("10.1.0.0/16")),)),))
    rec = record("10.1.0.0/16", "192.0.2.1")
    ((_, send),) = notifies(world.register(Etr(key=coming), rec))
    assert coming.verify(send.data)
    assert of(Refreshed, world.register(Etr(), rec, nonce=500))
    assert drop_reason(world.register(Etr(key=TWO), rec)) == "authentication-failed"
    world.now = 2000.0
    assert drop_reason(world.register(Etr(), rec)) == "key-not-valid-now"


def test_narrow_mac_scope_only_where_the_site_allows_it() -> None:
    etr = Etr(xtr_id=bytes(16), site_id=bytes(8))
    data = bytearray(etr.message(record("10.1.0.0/16", "192.0.2.1")))
    narrow = ONE.sign(bytes(data), records_only=True)
    source = Endpoint("192.0.2.1", 4342)
    assert drop_reason(World().hear(narrow, source)) == "authentication-failed"
    lenient = World(sites=(site_one(records_only_mac=True),))
    assert of(Registered, lenient.hear(narrow, source))


def test_registration_expires_after_three_missed_refreshes() -> None:
    world = World()
    etr = Etr()
    rec = record("10.1.0.0/16", "192.0.2.1")
    world.register(etr, rec)
    assert not of(Expired, world.pass_time(170))
    assert of(Refreshed, world.register(etr, rec))
    assert not of(Expired, world.pass_time(179))
    assert [e.site for e in of(Expired, world.pass_time(3))] == ["one"]
    assert len(world.store) == 0


def test_t_bit_makes_the_record_ttl_the_lifetime() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1", ttl=10), use_ttl_for_timeout=True)
    assert not of(Expired, world.pass_time(599))
    assert of(Expired, world.pass_time(3))


@pytest.mark.parametrize("ttl", [0xFFFFFFFF, 0x80000000 + 30])
def test_ttl_that_is_no_number_of_minutes_falls_back_to_the_default(ttl: int) -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1", ttl=ttl), use_ttl_for_timeout=True)
    assert of(Expired, world.pass_time(182))


def test_withdraw_by_its_owner() -> None:
    world = World()
    etr = Etr()
    world.register(etr, record("10.1.0.0/16", "192.0.2.1"))
    effects = world.register(etr, record("10.1.0.0/16", "192.0.2.1", ttl=0))
    assert of(Withdrawn, effects)
    ((notify, _),) = notifies(effects)
    assert notify.records[0].record_ttl_minutes == 0
    assert len(world.store) == 0


def test_withdraw_by_another_changes_nothing() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    other = Etr(host="192.0.2.2", nonces=iter(range(900, 999)))
    effects = world.register(other, record("10.1.0.0/16", "192.0.2.2", ttl=0))
    assert not of(Withdrawn, effects)
    assert len(world.store) == 1


def test_record_is_published_without_l_p_and_a_and_sorted() -> None:
    world = World()
    locators = (
        rloc("2001:db8:f::1", reachable=False),
        rloc("192.0.2.200", local=True, probed=True),
        rloc("192.0.2.1", local=True),
    )
    world.register(Etr(), record("10.1.0.0/16", *locators, authoritative=True))
    reply = world.answer("10.1.2.3")
    assert not reply.records[0].authoritative
    assert [r.rloc.text for r in reply.records[0].rlocs] == [  # type: ignore[union-attr]
        "192.0.2.1",
        "192.0.2.200",
        "2001:db8:f::1",
    ]
    assert [(r.local, r.probed, r.reachable) for r in reply.records[0].rlocs] == [
        (False, False, True),
        (False, False, True),
        (False, False, False),
    ]


def test_host_bits_of_a_registered_prefix_are_cleared() -> None:
    world = World()
    from_wire = record("10.1.0.0/16", "192.0.2.1")
    crooked = type(from_wire)(1440, record("10.1.2.3/32").eid, 16, from_wire.rlocs)
    world.register(Etr(), crooked)
    assert world.store.get(EidPrefix.parse("10.1.0.0/16")) is not None
    assert world.answer("10.1.2.3").records[0].eid == from_wire.eid


def test_older_map_version_is_dropped_in_silence() -> None:
    world = World()
    etr = Etr()
    world.register(etr, record("10.1.0.0/16", "192.0.2.1", map_version=4094))
    older = record("10.1.0.0/16", "192.0.2.2", map_version=4093)
    assert drop_reason(world.register(etr, older)) == "old-map-version"
    newer = record("10.1.0.0/16", "192.0.2.3", map_version=2)
    assert of(Registered, world.register(etr, newer))
    assert of(Registered, world.register(etr, record("10.1.0.0/16", "192.0.2.4")))


def test_non_ip_eids_register_and_resolve() -> None:
    names = ('"printer.example"', "00:00:5e:00:53:01", "(192.0.2.99,239.1.1.1)")
    lan = site("one", ONE, '"printer"', "00:00:5e:00:53:00/40", "(*,239.1.1.1)")
    world = World(sites=(lan,), authority=())
    for eid in names:
        assert of(Registered, world.register(Etr(), record(eid, "192.0.2.1"))), eid
        reply = world.answer(eid)
        assert reply.records[0].eid_prefix == EidPrefix.parse(eid)
        assert reply.records[0].rlocs


def test_instance_ids_do_not_see_each_other() -> None:
    world = World(
        sites=(site("one", ONE, "[100]10.1.0.0/16"), site("two", TWO, "[200]10.1.0.0/16")),
        authority=(),
    )
    world.register(Etr(), record("[100]10.1.0.0/16", "192.0.2.1"))
    assert world.answer("[100]10.1.2.3").records[0].rlocs
    assert world.answer("[200]10.1.2.3").records[0].record_ttl_minutes == 1
    assert world.answer("10.1.2.3").records[0].record_ttl_minutes == 15
    assert isinstance(decode(Etr().message(record("[100]10.1.0.0/16"))), MapRegister)


def test_reload_drops_what_is_no_longer_allowed_and_keeps_the_rest() -> None:
    world = World()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), record("10.1.1.1/32", "192.0.2.1"))
    world.register(Etr(key=TWO, host="192.0.2.2"), record("10.2.0.0/16", "192.0.2.2"))
    settings = type(DEFAULTS)(
        sites=(site("one", ONE, "10.1.0.0/16", more=False),), local=DEFAULTS.local
    )
    effects = world.engine.reconfigure(settings, world.now)
    assert sorted(str(e.eid) for e in of(Expired, effects)) == ["10.1.1.1/32", "10.2.0.0/16"]
    assert world.store.get(EidPrefix.parse("10.1.0.0/16")) is not None
    with pytest.raises(ValueError, match="two sites are named 'one'"):
        world.engine.reconfigure(
            type(DEFAULTS)(sites=(site_one(), site_one()), local=DEFAULTS.local), world.now
        )
    assert of(Refreshed, world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), nonce=99))


def test_map_server_role_may_be_off() -> None:
    world = World(map_server=False)
    assert drop_reason(world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))) == (
        "not-a-map-server"
    )


def test_refused_names_the_site_and_says_why() -> None:
    world = World()
    (effect,) = world.register(Etr(key=TWO), record("10.2.1.0/24", "192.0.2.1"))
    assert isinstance(effect, Refused)
    assert effect.site == "two"
    assert "10.2.1.0/24" in effect.detail
