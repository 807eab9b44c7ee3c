"""Protected answers of a Map-Server: the three rules of RFC 9303, 6.7, checked by ITR and ETR."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_wrap

from mapsys.core.effects import Answered, Effect, Endpoint, Oversized, Repeat, Send
from mapsys.core.lisp_sec import Protection
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy, Wrapping
from mapsys.eid import EidPrefix
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from mapsys.wire.records import Action
from tests.core.lisp_sec_xtrs import (
    NULL_WRAP,
    Data,
    Discarded,
    SecureEtr,
    SecureItr,
    Vouched,
    mac,
    ms_otk,
    wrapping_key,
)
from tests.core.world import (
    ITR,
    ITR_PORT,
    Etr,
    World,
    drop_reason,
    map_request_in_ecm,
    of,
    record,
    rloc,
    site_one,
    site_two,
)

ITR_SECRET = SecureItr().secret
ETR_KEY = Wrapping(9, WrapKey(SecureEtr().secret))
ITRS = Askers(Policy.ALLOWED, {1: WrapKey(ITR_SECRET)})
SITES = (site_one(lisp_sec=ETR_KEY), site_two(lisp_sec=ETR_KEY))

XTR_A = bytes(15) + b"\x0a"
XTR_B = bytes(15) + b"\x0b"


def secure_world(**changes: object) -> World:
    return World(**{"sites": SITES, "lisp_sec": LispSecSettings(itrs=ITRS)} | changes)


def registered(*records: object, world: World | None = None, **flags: bool) -> World:
    world = world or secure_world()
    flags.setdefault("proxy_map_reply", False)
    for rec in records:
        etr = Etr(nonces=iter([len(world.store) + 1]))
        effects = world.register(etr, rec, **flags)  # type: ignore[arg-type]
        assert len(of(Send, effects)) == 1
    return world


def only_send(effects: list[Effect]) -> Send:
    (send,) = of(Send, effects)
    assert send.repeat is Repeat.NEVER
    assert send.after is None
    return send


def replied(world: World, itr: SecureItr, *eids: str, **fields: object) -> bytes:
    """The Map-Reply to a protected question."""
    send = only_send(world.hear(itr.asks(*eids, **fields), ITR))
    assert send.destination == Endpoint(ITR.host, ITR_PORT)
    return send.data


# Rule 1


def test_proxy_reply_is_protected() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=True)
    itr = SecureItr()
    (rec,), vouched = itr.believes(replied(world, itr, "10.1.2.3"))
    assert str(rec.eid_prefix) == "10.1.0.0/16"
    assert [str(p) for p in vouched.prefixes] == ["10.1.0.0/16"]
    assert not vouched.etr_cant_sign


def test_proxy_reply_octet_by_octet() -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    world = registered(rec, proxy_map_reply=True)
    itr = SecureItr()
    eid_ad = bytes.fromhex("0020 0002 01 00 0002 0010 0001 0a010000")
    eid_ad += mac(2, itr.otk, eid_ad + bytes(16))
    blank = (
        bytes.fromhex("22000001 000000000000004d")
        + replace(rec, authoritative=False).octets()
        + bytes.fromhex("01000000")
        + eid_ad
        + bytes.fromhex("0014 0002")
        + bytes(16)
    )
    signed = blank[:-16] + mac(2, ms_otk(itr.otk, 2), blank)
    assert replied(world, itr, "10.1.2.3") == signed


def test_one_etr_that_wants_proxy_replies_is_enough_and_e_stays_clear() -> None:
    world = secure_world()
    for xtr_id, host, proxy in ((XTR_A, "192.0.2.1", True), (XTR_B, "192.0.2.2", False)):
        etr = Etr(host=host, xtr_id=xtr_id)
        world.register(etr, record("10.1.0.0/16", host), merge_request=True, proxy_map_reply=proxy)
    itr = SecureItr()
    (rec,), vouched = itr.believes(replied(world, itr, "10.1.2.3"))
    assert len(rec.rlocs) == 2
    assert not vouched.etr_cant_sign


def test_a_bit_does_not_lead_a_protected_question_past_the_proxy() -> None:
    sites = (site_one(lisp_sec=ETR_KEY, honour_authoritative=True),)
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"),
        world=secure_world(sites=sites),
        proxy_map_reply=True,
        security_capable=True,
    )
    itr = SecureItr()
    (rec,), _ = itr.believes(replied(world, itr, "10.1.2.3", authoritative=True))
    assert rec.rlocs
    (plain,) = of(Send, world.ask("10.1.2.3", authoritative=True))
    assert plain.destination == Endpoint("192.0.2.1", 4342)


def test_more_specifics_in_the_answer_are_covered_by_what_is_vouched_for() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"),
        record("10.1.7.0/24", "192.0.2.1"),
        proxy_map_reply=True,
    )
    itr = SecureItr()
    records, vouched = itr.believes(replied(world, itr, "10.1.2.3"))
    assert [str(r.eid_prefix) for r in records] == ["10.1.0.0/16", "10.1.7.0/24"]
    assert [str(p) for p in vouched.prefixes] == ["10.1.0.0/16"]


def test_a_protected_map_reply_keeps_to_the_packet_size() -> None:
    rlocs = [rloc(f"192.0.2.{n}") for n in range(1, 5)]
    inside = [record(f"10.1.{n}.0/24", *rlocs) for n in range(7)]
    world = registered(record("10.1.0.0/16", *rlocs), *inside, proxy_map_reply=True)
    (plain,) = of(Send, world.ask("10.1.200.1"))
    assert len(decode(plain.data).records) == 8  # type: ignore[union-attr]
    assert 576 - 28 - 60 < len(plain.data) <= 576 - 28
    itr = SecureItr()
    effects = world.hear(itr.asks("10.1.200.1"), ITR)
    send = only_send(effects)
    assert len(send.data) <= 576 - 28
    assert not of(Oversized, effects)
    (part,), vouched = itr.believes(send.data)
    assert str(part.eid_prefix) == "10.1.128.0/17"
    assert [str(p) for p in vouched.prefixes] == ["10.1.0.0/16"]


# Rule 2


def test_question_goes_to_the_etr_with_a_key_of_its_own_and_comes_back_believed() -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    world = registered(rec, security_capable=True)
    itr = SecureItr()
    asked = itr.asks("10.1.2.3")
    effects = world.hear(asked, ITR)
    send = only_send(effects)
    assert send.destination == Endpoint("192.0.2.1", 4342)
    assert [a.outcome for a in of(Answered, effects)] == ["forward"]
    data = Data.of(send.data)
    assert asked.endswith(data.inner)
    vouched = Vouched.of(data.eid_ad)
    assert not vouched.etr_cant_sign
    assert itr.otk not in send.data
    records, vouched_to_itr = itr.believes(SecureEtr().answers(send.data, rec))
    assert [str(r.eid_prefix) for r in records] == ["10.1.0.0/16"]
    assert vouched_to_itr == vouched


def test_ecm_to_the_etr_octet_by_octet() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), security_capable=True)
    itr = SecureItr()
    asked = itr.asks("10.1.2.3", nonce=0x0102030405060708)
    send = only_send(world.hear(asked, ITR))
    wrapped = aes_key_wrap(wrapping_key(SecureEtr().secret, 0x0102030405060708), ms_otk(itr.otk, 2))
    eid_ad = bytes.fromhex("0020 0002 01 00 0002 0010 0001 0a010000")
    eid_ad += mac(2, itr.otk, eid_ad + bytes(16))
    assert send.data == (
        bytes.fromhex("88000000 01 00 0002 0018 09 02") + wrapped + eid_ad + asked[40:]
    )


@pytest.mark.parametrize("b_can_sign", [False, True])
def test_e_bit_tells_of_an_etr_that_cannot_sign_and_never_gets_the_question(
    b_can_sign: bool,
) -> None:
    world = secure_world()
    a = Etr(host="192.0.2.1", xtr_id=XTR_A)
    b = Etr(host="192.0.2.2", xtr_id=XTR_B)
    for etr, priority, can_sign in ((a, 2, True), (b, 1, b_can_sign)):
        world.register(
            etr,
            record("10.1.0.0/16", rloc(etr.host, priority)),
            merge_request=True,
            proxy_map_reply=False,
            security_capable=can_sign,
        )
    send = only_send(world.hear(SecureItr().asks("10.1.2.3"), ITR))
    vouched = Vouched.of(Data.of(send.data).eid_ad)
    assert vouched.etr_cant_sign is not b_can_sign
    assert send.destination.host == ("192.0.2.2" if b_can_sign else "192.0.2.1")
    (plain,) = of(Send, world.hear(map_request_in_ecm("10.1.2.3"), ITR))
    assert plain.destination.host == "192.0.2.2"


def test_an_overclaiming_etr_is_cut_to_what_it_registered() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), security_capable=True)
    itr = SecureItr()
    send = only_send(world.hear(itr.asks("10.1.2.3"), ITR))
    records, _ = itr.believes(
        SecureEtr().answers(
            send.data,
            record("0.0.0.0/0", "192.0.2.1"),
            record("10.1.5.0/24", "192.0.2.1"),
            record("10.2.0.0/16", "192.0.2.1"),
        )
    )
    assert [str(r.eid_prefix) for r in records] == ["10.1.0.0/16", "10.1.5.0/24"]


@pytest.mark.parametrize(
    ("place", "why"),
    [(15, "PKT HMAC"), (-1, "PKT HMAC"), (-21, "EID HMAC"), (-30, "EID HMAC")],
    ids=["TTL", "PKT HMAC", "EID HMAC", "EID-Prefix"],
)
def test_an_answer_changed_on_the_way_is_not_believed(place: int, why: str) -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    world = registered(rec, security_capable=True)
    itr = SecureItr()
    send = only_send(world.hear(itr.asks("10.1.2.3"), ITR))
    answer = bytearray(SecureEtr().answers(send.data, rec))
    answer[place] ^= 1
    with pytest.raises(Discarded, match=why):
        itr.believes(bytes(answer))


def test_an_etr_without_the_key_cannot_open_the_question() -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    world = registered(rec, security_capable=True)
    send = only_send(world.hear(SecureItr().asks("10.1.2.3"), ITR))
    with pytest.raises(InvalidUnwrap):
        SecureEtr(secret=ITR_SECRET).answers(send.data, rec)


def test_an_answer_is_believed_once() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=True)
    itr = SecureItr()
    answer = replied(world, itr, "10.1.2.3")
    itr.believes(answer)
    with pytest.raises(Discarded, match="no such question"):
        itr.believes(answer)


def test_without_a_key_for_its_etrs_a_site_gets_no_protected_question() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"),
        world=secure_world(sites=(site_one(),)),
        security_capable=True,
    )
    assert drop_reason(world.hear(SecureItr().asks("10.1.2.3"), ITR)) == "lisp-sec-no-etr-key"


def test_over_a_link_that_is_protected_otherwise_the_key_goes_unencrypted() -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    world = registered(
        rec, world=secure_world(sites=(site_one(lisp_sec=Wrapping()),)), security_capable=True
    )
    itr = SecureItr()
    send = only_send(world.hear(itr.asks("10.1.2.3"), ITR))
    data = Data.of(send.data)
    assert (data.key_id, data.wrap_id) == (0, NULL_WRAP)
    assert data.wrapped == bytes(8) + ms_otk(itr.otk, 2)
    itr.believes(SecureEtr().answers(send.data, rec))


# Rule 3, and other negative answers


def negative(world: World, eid: str, **fields: object) -> tuple[str, int, int, Vouched]:
    itr = SecureItr()
    (rec,), vouched = itr.believes(replied(world, itr, eid, **fields))
    assert not rec.rlocs
    assert vouched.prefixes == (rec.eid_prefix,)
    return str(rec.eid_prefix), rec.action, rec.record_ttl_minutes, vouched


def test_where_no_etr_can_sign_the_answer_is_negative_with_e() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"))
    prefix, action, minutes, vouched = negative(world, "10.1.2.3")
    assert (prefix, action, minutes) == ("10.1.0.0/16", Action.DROP_AUTH_FAILURE, 1)
    assert vouched.etr_cant_sign


@pytest.mark.parametrize(("other_can_sign", "e_bit"), [(True, False), (False, True)])
def test_unreachable_etrs_are_told_of_with_the_e_bit_they_deserve(
    other_can_sign: bool, e_bit: bool
) -> None:
    world = secure_world()
    a = Etr(host="192.0.2.1", xtr_id=XTR_A)
    b = Etr(host="192.0.2.2", xtr_id=XTR_B)
    for etr, reachable, can_sign in ((a, False, True), (b, False, other_can_sign)):
        world.register(
            etr,
            record("10.1.0.0/16", rloc(etr.host, reachable=reachable)),
            merge_request=True,
            proxy_map_reply=False,
            security_capable=can_sign,
        )
    prefix, action, minutes, vouched = negative(world, "10.1.2.3")
    assert (prefix, action, minutes) == ("10.1.0.0/16", Action.SEND_MAP_REQUEST, 1)
    assert vouched.etr_cant_sign is e_bit


def test_holes_and_silent_sites_are_protected_too() -> None:
    world = secure_world()
    assert negative(world, "10.9.9.9")[:3] == ("10.8.0.0/13", Action.NATIVELY_FORWARD, 15)
    prefix, action, minutes, vouched = negative(world, "10.2.3.4")
    assert (prefix, action, minutes) == ("10.2.0.0/16", Action.NATIVELY_FORWARD, 1)
    assert not vouched.etr_cant_sign


def test_policy_is_protected_too() -> None:
    world = secure_world(sites=(site_one(deny_action=Action.DROP_POLICY_DENIED),))
    assert negative(world, "10.1.2.3")[:2] == ("10.1.0.0/16", Action.DROP_POLICY_DENIED)


def test_a_registration_without_locators_is_the_sites_own_negative() -> None:
    world = registered(record("10.1.0.0/16", action=Action.DROP), security_capable=True)
    prefix, action, _minutes, vouched = negative(world, "10.1.2.3")
    assert (prefix, action) == ("10.1.0.0/16", Action.DROP)
    assert not vouched.etr_cant_sign


def test_petr_stands_in_a_protected_answer() -> None:
    world = secure_world(petr=(rloc("192.0.2.99"),))
    itr = SecureItr()
    (rec,), _ = itr.believes(replied(world, itr, "10.9.9.9"))
    assert len(rec.rlocs) == 1


# What the ITR asks for


@pytest.mark.parametrize("hmac_id", [0, 1, 2, 3, 0xFFFF])
@pytest.mark.parametrize("kdf_id", [0, 1, 2, 3, 0xFFFF])
def test_functions_asked_for_are_used_where_known_and_announced_where_not(
    hmac_id: int, kdf_id: int
) -> None:
    rec = record("10.1.0.0/16", "192.0.2.1")
    world = registered(rec, security_capable=True)
    world.register(Etr(nonces=iter([9])), record("10.1.7.0/24", "192.0.2.1"))
    known = hmac_id in (0, 1, 2) and kdf_id in (0, 1, 2)

    def outcome(itr: SecureItr, answer: bytes) -> str:
        try:
            _, vouched = itr.believes(answer)
        except Discarded as why:
            return str(why)
        assert vouched.hmac_id == (hmac_id or 2)
        assert vouched.kdf_id == (kdf_id or 2)
        return "believed"

    itr = SecureItr(hmac_id=hmac_id, kdf_id=kdf_id)
    expected = "another HMAC" if hmac_id > 2 else "another KDF" if kdf_id > 2 else "believed"
    assert outcome(itr, replied(world, itr, "10.1.7.1", nonce=5)) == expected
    send = only_send(world.hear(itr.asks("10.1.2.3", nonce=6), ITR))
    data = Data.of(send.data)
    assert data.requested_hmac_id == hmac_id
    vouched = Vouched.of(data.eid_ad)
    assert vouched.hmac_id == (hmac_id if hmac_id in (1, 2) else 2)
    assert vouched.kdf_id == (kdf_id if kdf_id in (1, 2) else 2)
    assert outcome(itr, SecureEtr().answers(send.data, rec)) == expected
    assert known is (expected == "believed")


# Other shapes of questions


def test_several_eids_are_vouched_for_in_one_answer() -> None:
    world = registered(
        record("10.1.0.0/16", "192.0.2.1"), record("2001:db8:1::/48", "192.0.2.1"),
        proxy_map_reply=True,
    )  # fmt: skip
    itr = SecureItr()
    eids = ("10.1.2.3", "10.1.3.4", "2001:db8:1::1", "10.2.0.1")
    records, vouched = itr.believes(replied(world, itr, *eids))
    assert len(records) == 4
    assert [str(p) for p in vouched.prefixes] == ["10.1.0.0/16", "2001:db8:1::/48", "10.2.0.0/16"]


def test_of_several_eids_each_etr_gets_its_own_with_the_same_protection() -> None:
    six = record("2001:db8:1::/48", "192.0.2.2")
    world = registered(record("10.1.0.0/16", "192.0.2.1"), six, security_capable=True)
    itr = SecureItr()
    effects = world.hear(itr.asks("10.1.2.3", "2001:db8:1::1"), ITR)
    sends = of(Send, effects)
    assert [send.destination.host for send in sends] == ["192.0.2.1", "192.0.2.2"]
    assert all(send.repeat is Repeat.NEVER for send in sends)
    (rec,), vouched = itr.believes(SecureEtr().answers(sends[1].data, six))
    assert rec.eid_prefix == vouched.prefixes[0] == EidPrefix.parse("2001:db8:1::/48")


def test_instance_id_is_vouched_for() -> None:
    world = secure_world(authority=())
    itr = SecureItr()
    (rec,), vouched = itr.believes(replied(world, itr, "[7]10.1.2.3"))
    assert rec.eid_prefix == vouched.prefixes[0]
    assert rec.eid_prefix.instance_id == 7


def test_plain_questions_get_plain_answers_beside_protected_ones() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=True)
    reply = world.answer("10.1.2.3")
    assert isinstance(reply, MapReply)
    assert reply.security is None
    (send,) = of(Send, world.ask("10.1.2.3"))
    assert send.repeat is Repeat.NONCE


def test_keys_are_shown_nowhere() -> None:
    world = registered(record("10.1.0.0/16", "192.0.2.1"), security_capable=True)
    assert "between" not in repr(world.engine.settings)
    otk = bytes(range(0x10, 0x20))
    assert repr(Protection(otk, 1, 2)) == "Protection(requested_hmac_id=1, requested_kdf_id=2)"
