"""Protected Map-Requests: which are taken, which are passed on, which get silence (RFC 9303)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from alt.plane_datagram import read_datagram
from mapsys.core.effects import Datagram, Effect, Endpoint, Inject, Repeat, Send
from mapsys.core.engine import Engine
from mapsys.core.limiter import Limits, Rate
from mapsys.core.lisp_sec import OneTimeKeys, Protection
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy, Wrapping
from mapsys.core.reasons import Drop
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import parse_ip_udp
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from tests.core.lisp_sec_xtrs import (
    NULL_WRAP,
    Data,
    SecureEtr,
    SecureItr,
    wrapping_key,
)
from tests.core.world import (
    DEFAULTS,
    ITR,
    SERVER,
    Etr,
    World,
    drop_reason,
    map_request,
    map_request_in_ecm,
    of,
    record,
    site_one,
)

ITR_SECRET = SecureItr().secret
ONWARD_SECRET = b"between Map-Resolver and Map-Server"
ETR_KEY = Wrapping(9, WrapKey(SecureEtr().secret))
ONWARD = Wrapping(5, WrapKey(ONWARD_SECRET))

RESOLVER = Endpoint("192.0.2.20", 4342)
ELSEWHERE = EidPrefix.parse("172.16.0.0/12")

OPEN_LINK = (EidPrefix.parse("198.51.100.0/24"),)


def itrs(policy: Policy = Policy.ALLOWED, **fields: object) -> Askers:
    return Askers(policy, {1: WrapKey(ITR_SECRET)}, **fields)  # type: ignore[arg-type]


def map_server(policy: Policy = Policy.ALLOWED, **fields: object) -> World:
    """A Map-Server alone, with one mapping that its ETR answers for."""
    askers = Askers(policy, {5: WrapKey(ONWARD_SECRET)}, **fields)  # type: ignore[arg-type]
    world = World(
        sites=(site_one(lisp_sec=ETR_KEY),),
        map_resolver=False,
        lisp_sec=LispSecSettings(map_resolvers=askers),
    )
    world.register(
        Etr(), record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=False, security_capable=True
    )
    return world


def map_resolver(lisp_sec: LispSecSettings, **changes: object) -> World:
    """A Map-Resolver alone, which asks one Map-Server."""
    settings: dict[str, object] = {
        "sites": (),
        "local": (RESOLVER,),
        "authority": (ELSEWHERE,),
        "map_server": False,
        "map_servers": (SERVER,),
        "lisp_sec": lisp_sec,
    }
    return World(**settings | changes)


def only_send(effects: list[Effect]) -> Send:
    (send,) = of(Send, effects)
    return send


def with_octets(ecm: bytes, at: int, octets: bytes) -> bytes:
    return ecm[:at] + octets + ecm[at + len(octets) :]


# From ITR to ETR and back


def test_a_question_from_itr_over_map_resolver_and_map_server_to_the_etr_and_back() -> None:
    resolver = map_resolver(LispSecSettings(itrs=itrs(), onward=ONWARD))
    server = map_server()
    itr = SecureItr()
    asked = itr.asks("10.1.2.3")
    passed_on = only_send(resolver.hear(asked, ITR, RESOLVER))
    assert passed_on.destination == SERVER
    assert passed_on.repeat is Repeat.NEVER
    to_etr = only_send(server.hear(passed_on.data, RESOLVER))
    assert Data.of(to_etr.data).inner == Data.of(passed_on.data).inner == Data.of(asked).inner
    rec = record("10.1.0.0/16", "192.0.2.1")
    (believed,), vouched = itr.believes(SecureEtr().answers(to_etr.data, rec))
    assert believed == rec
    assert not vouched.etr_cant_sign


def test_ecm_to_the_map_server_octet_by_octet() -> None:
    resolver = map_resolver(LispSecSettings(itrs=itrs(), onward=ONWARD))
    itr = SecureItr(hmac_id=1, kdf_id=0)
    asked = itr.asks("10.1.2.3", nonce=0xFEDCBA9876543210)
    send = only_send(resolver.hear(asked, ITR, RESOLVER))
    wrapped = aes_key_wrap(wrapping_key(ONWARD_SECRET, 0xFEDCBA9876543210), itr.otk)
    assert send.data == (
        bytes.fromhex("88000000 01 00 0001 0018 05 02")
        + wrapped
        + bytes.fromhex("0004 0000")
        + asked[40:]
    )


def test_over_a_protected_link_the_key_goes_on_unencrypted() -> None:
    resolver = map_resolver(LispSecSettings(itrs=itrs(), onward=Wrapping()))
    server = map_server(protected_links=(EidPrefix.parse("192.0.2.20/32"),))
    itr = SecureItr()
    send = only_send(resolver.hear(itr.asks("10.1.2.3"), ITR, RESOLVER))
    data = Data.of(send.data)
    assert (data.key_id, data.wrap_id, data.wrapped) == (0, NULL_WRAP, bytes(8) + itr.otk)
    to_etr = only_send(server.hear(send.data, RESOLVER))
    itr.believes(SecureEtr().answers(to_etr.data, record("10.1.0.0/16", "192.0.2.1")))
    stranger = Endpoint("192.0.2.21", 4342)
    assert drop_reason(server.hear(send.data, stranger)) == "lisp-sec-unencrypted"


def test_a_map_resolver_says_itself_that_something_does_not_exist_and_signs_it() -> None:
    resolver = map_resolver(LispSecSettings(itrs=itrs()))
    itr = SecureItr()
    send = only_send(resolver.hear(itr.asks("172.16.1.1"), ITR, RESOLVER))
    (rec,), vouched = itr.believes(send.data)
    assert rec.eid_prefix == ELSEWHERE == vouched.prefixes[0]


def test_without_a_key_for_the_next_link_a_protected_question_goes_no_further() -> None:
    resolver = map_resolver(LispSecSettings(itrs=itrs()))
    effects = resolver.hear(SecureItr().asks("10.1.2.3"), ITR, RESOLVER)
    assert drop_reason(effects) == "lisp-sec-no-onward-key"


def test_of_several_eids_each_goes_on_protected() -> None:
    resolver = map_resolver(LispSecSettings(itrs=itrs(), onward=ONWARD))
    asked = SecureItr().asks("10.1.2.3", "10.1.2.4")
    sends = of(Send, resolver.hear(asked, ITR, RESOLVER))
    assert len(sends) == 2
    for send in sends:
        assert Data.of(send.data).opened(ONWARD_SECRET) == SecureItr().otk


# Over the ALT


def alt_resolver() -> Engine:
    settings = replace(
        DEFAULTS,
        sites=(),
        authority=(ELSEWHERE,),
        map_server=False,
        lisp_sec=LispSecSettings(itrs=itrs(), onward=ONWARD),
    )
    return Engine(PureStore(), settings, lambda: 1, has_alt=lambda _instance_id: True)


@pytest.mark.parametrize("eid", ["10.1.2.3", "2001:db8:1::1"])
def test_into_the_alt_goes_the_ecm_itself_with_the_eid_as_destination(eid: str) -> None:
    asked = SecureItr().asks(eid)
    _, inject = alt_resolver().handle(Datagram(asked, ITR, SERVER), 1.0)
    assert isinstance(inject, Inject)
    datagram = read_datagram(inject.packet)
    assert datagram.is_ecm
    outer, payload = parse_ip_udp(inject.packet)
    message = decode(payload)
    assert isinstance(message, Ecm)
    assert message.inner == Data.of(asked).inner
    inner = message.inner_header
    assert (outer.source, outer.destination) == (inner.source, inner.destination)
    assert (outer.destination, outer.source_port) == (eid, inner.source_port)
    assert Data.of(payload).opened(ONWARD_SECRET) == SecureItr().otk


def test_a_plain_question_goes_into_the_alt_as_it_came() -> None:
    asked = map_request_in_ecm("10.1.2.3")
    _, inject = alt_resolver().handle(Datagram(asked, ITR, SERVER), 1.0)
    assert isinstance(inject, Inject)
    assert inject.packet == asked[4:]


@pytest.mark.parametrize("protected_alt", [False, True])
def test_over_the_alt_an_unencrypted_key_counts_only_where_the_alt_is_protected(
    protected_alt: bool,
) -> None:
    askers = Askers(Policy.ALLOWED, {}, OPEN_LINK, protected_alt=protected_alt)
    keys = OneTimeKeys(LispSecSettings(map_resolvers=askers), map_resolver=False, map_server=True)
    message = decode(SecureItr(wrap_id=NULL_WRAP).asks("10.1.2.3"))
    assert isinstance(message, Ecm)
    opened = keys.open(message.security, 77, "198.51.100.1", over_alt=True)
    assert opened == (
        Protection(SecureItr().otk, 2, 2) if protected_alt else Drop.LISP_SEC_UNENCRYPTED
    )


# What is not taken

AD = 4
"""Where the authentication data of an ECM begins."""

UNKNOWN = "unknown-authentication-data"

GARBLED: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("key-id", lambda ecm: with_octets(ecm, AD + 6, b"\x02"), "lisp-sec-unknown-key-id"),
    ("wrap-id 0", lambda ecm: with_octets(ecm, AD + 7, b"\0"), "lisp-sec-unknown-wrap-id"),
    ("wrap-id 3", lambda ecm: with_octets(ecm, AD + 7, b"\x03"), "lisp-sec-unknown-wrap-id"),
    ("NULL wrap", lambda ecm: with_octets(ecm, AD + 7, b"\x01"), "lisp-sec-unencrypted"),
    ("preamble", lambda ecm: with_octets(ecm, AD + 8, bytes(8)), "lisp-sec-wrong-key"),
    ("key", lambda ecm: with_octets(ecm, AD + 24, bytes(8)), "lisp-sec-wrong-key"),
    ("OTK length 0", lambda ecm: with_octets(ecm, AD + 4, b"\0\0"), UNKNOWN),
    ("OTK length 40", lambda ecm: with_octets(ecm, AD + 4, b"\0\x28"), UNKNOWN),
    ("EID-AD length 0", lambda ecm: with_octets(ecm, AD + 32, b"\0\0"), "truncated"),
    ("EID-AD length 5", lambda ecm: with_octets(ecm, AD + 32, b"\0\5"), "bad-ip-header"),
    ("EID-AD length 65535", lambda ecm: with_octets(ecm, AD + 32, b"\xff\xff"), "truncated"),
    (
        "an EID-AD of its own",
        lambda ecm: ecm[:36] + bytes.fromhex("0008 0002 00000002") + ecm[40:],
        "lisp-sec-eid-ad",
    ),
    (
        "more records than octets",
        lambda ecm: ecm[:36] + bytes.fromhex("0008 0002 ff000002") + ecm[40:],
        "truncated",
    ),
    (
        "data of an RTR",
        lambda ecm: ecm[:4] + bytes.fromhex("02 0000000000 0000") + ecm[40:],
        UNKNOWN,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "reason"), [g[1:] for g in GARBLED], ids=[g[0] for g in GARBLED])
def test_spoiled_data_gets_silence_with_its_own_reason(
    spoil: Callable[[bytes], bytes], reason: str
) -> None:
    world = World(lisp_sec=LispSecSettings(itrs=itrs()))
    good = SecureItr().asks("10.9.9.9")
    assert of(Send, world.hear(good, ITR))
    assert drop_reason(world.hear(spoil(good), ITR)) == reason


def test_a_key_wrapped_for_another_message_does_not_open() -> None:
    world = World(lisp_sec=LispSecSettings(itrs=itrs()))
    itr = SecureItr()
    one, other = itr.asks("10.9.9.9", nonce=1), itr.asks("10.9.9.9", nonce=2)
    assert drop_reason(world.hear(one[:40] + other[40:], ITR)) == "lisp-sec-wrong-key"


def test_an_unencrypted_key_has_zeros_before_it() -> None:
    world = World(lisp_sec=LispSecSettings(itrs=itrs(protected_links=OPEN_LINK)))
    itr = SecureItr(wrap_id=NULL_WRAP)
    good = itr.asks("10.9.9.9")
    itr.believes(only_send(world.hear(good, ITR)).data)
    assert drop_reason(world.hear(with_octets(good, AD + 9, b"\1"), ITR)) == "lisp-sec-wrong-key"


def test_the_longer_otk_length_of_another_reading_is_taken() -> None:
    world = World(lisp_sec=LispSecSettings(itrs=itrs()))
    itr = SecureItr()
    asked = with_octets(itr.asks("10.9.9.9"), AD + 4, b"\0\x1c")
    itr.believes(only_send(world.hear(asked, ITR)).data)


def test_budgets_come_before_keys() -> None:
    world = World(
        lisp_sec=LispSecSettings(itrs=itrs()),
        limits=replace(Limits.off(), requests_per_source=Rate(1, 2)),
    )
    wrong = SecureItr(secret=b"another").asks("10.9.9.9")
    reasons = [drop_reason(world.hear(wrong, ITR)) for _ in range(4)]
    assert reasons == ["lisp-sec-wrong-key"] * 2 + ["rate-limited"] * 2


def test_a_node_of_both_roles_tries_the_keys_of_both() -> None:
    both = LispSecSettings(itrs=itrs(), map_resolvers=Askers(Policy.ALLOWED, {1: WrapKey(b"MR")}))
    world = World(lisp_sec=both)
    for secret in (ITR_SECRET, b"MR"):
        itr = SecureItr(secret=secret)
        itr.believes(only_send(world.hear(itr.asks("10.9.9.9"), ITR)).data)
    third = SecureItr(secret=b"neither").asks("10.9.9.9")
    assert drop_reason(world.hear(third, ITR)) == "lisp-sec-wrong-key"


# Policy


def test_off_gives_plain_answers_to_protected_questions() -> None:
    world = World()
    send = only_send(world.hear(SecureItr().asks("10.9.9.9"), ITR))
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    assert reply.security is None


def test_off_at_the_map_resolver_passes_questions_on_without_the_data() -> None:
    off = replace(itrs(), policy=Policy.OFF)
    resolver = map_resolver(LispSecSettings(itrs=off, onward=ONWARD))
    asked = SecureItr().asks("10.1.2.3")
    send = only_send(resolver.hear(asked, ITR, RESOLVER))
    assert send.data == bytes.fromhex("80000000") + Data.of(asked).inner


def test_off_at_the_map_resolver_of_a_map_server_passes_nothing_on_protected() -> None:
    askers = Askers(Policy.ALLOWED, {1: WrapKey(ITR_SECRET)})
    node = map_resolver(
        LispSecSettings(map_resolvers=askers, onward=ONWARD),
        map_server=True,
        authority=(ELSEWHERE,),
    )
    asked = SecureItr().asks("10.1.2.3")
    assert only_send(node.hear(asked, ITR, RESOLVER)).data[:1] == b"\x80"
    itr = SecureItr()
    itr.believes(only_send(node.hear(itr.asks("172.16.1.1"), ITR, RESOLVER)).data)


def test_required_at_the_map_resolver_wants_protection_for_everything() -> None:
    required = LispSecSettings(itrs=itrs(Policy.REQUIRED), onward=ONWARD)
    resolver = map_resolver(required)
    for eid in ("10.1.2.3", "172.16.1.1"):
        plain = resolver.hear(map_request_in_ecm(eid), ITR, RESOLVER)
        assert drop_reason(plain) == "lisp-sec-required"
        assert of(Send, resolver.hear(SecureItr().asks(eid), ITR, RESOLVER))


def test_required_at_the_map_server_wants_protection_from_map_resolvers() -> None:
    server = map_server(Policy.REQUIRED)
    for plain in (map_request_in_ecm("10.1.2.3"), map_request("10.1.2.3").octets()):
        assert drop_reason(server.hear(plain, RESOLVER)) == "lisp-sec-required"
    itr = SecureItr(secret=ONWARD_SECRET, key_id=5)
    assert of(Send, server.hear(itr.asks("10.1.2.3"), RESOLVER))


def test_required_at_the_map_server_alone_binds_what_its_own_map_resolver_hands_over() -> None:
    settings = LispSecSettings(itrs=itrs(), map_resolvers=Askers(Policy.REQUIRED))
    world = World(lisp_sec=settings)
    assert drop_reason(world.ask("10.9.9.9")) == "lisp-sec-required"
    itr = SecureItr()
    itr.believes(only_send(world.hear(itr.asks("10.9.9.9"), ITR)).data)


def test_a_reload_changes_policy_and_keys() -> None:
    world = World(lisp_sec=LispSecSettings(itrs=itrs()))
    settings = replace(world.engine.settings, lisp_sec=LispSecSettings(itrs=itrs(Policy.REQUIRED)))
    assert of(Send, world.ask("10.9.9.9"))
    world.engine.reconfigure(settings, world.now)
    assert drop_reason(world.ask("10.9.9.9")) == "lisp-sec-required"


def test_any_octets_where_the_data_stands_get_an_answer_or_a_named_drop() -> None:
    world = World(lisp_sec=LispSecSettings(itrs=itrs()))
    good = SecureItr().asks("10.9.9.9")
    for at in range(AD, AD + 36):
        for octet in (0, 1, 0x7F, 0xFF):
            effects = world.hear(with_octets(good, at, bytes((octet,))), ITR)
            assert of(Send, effects) or drop_reason(effects)
