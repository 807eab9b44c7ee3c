"""Associations out of LISP-SEC One-Time Keys, and Map-Notifies octet by octet (RFC 9437, 7.1)."""

from __future__ import annotations

import hmac
import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mapsys.core import pubsub_otk
from mapsys.core.effects import Effect, Endpoint, Send
from mapsys.core.engine import Engine
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy, Wrapping
from mapsys.core.pubsub_settings import PubSubSettings
from mapsys.core.settings import Settings
from mapsys.core.subscriptions import SubscriberDetails
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.wire.address import NoAddress
from mapsys.wire.auth import Key
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from tests.core.lisp_sec_xtrs import NULL_WRAP, SecureItr
from tests.core.subscriber import PUBSUB, SUBSCRIBABLE, XTR, Xtr, refusal
from tests.core.world import ITR, SERVER, Etr, World, notifies, of, record

ETR = Etr()
RESOLVER = Endpoint("192.0.2.20", 4342)
PREFIX = EidPrefix.parse("10.1.0.0/16")
ITRS = Askers(
    Policy.ALLOWED,
    {1: WrapKey(SecureItr().secret)},
    protected_links=(EidPrefix.parse("198.51.100.0/24"),),
)
KEYLESS = replace(
    SUBSCRIBABLE,
    pubsub=PubSubSettings(),
    lisp_sec=LispSecSettings(itrs=ITRS),
    lifetime_seconds=10_000,
)


def pubsub_key(otk: bytes, nonce: int) -> bytes:
    return HKDF(SHA256(), 16, b"", b"").derive(otk + nonce.to_bytes(8, "big"))


def registered(settings: Settings = KEYLESS) -> World:
    world = World(settings)
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    return world


def ask(xtr: Xtr, itr: SecureItr, nonce: int, *eids: str, **fields: object) -> list[Effect]:
    """Ask with a One-Time Key; from now on the xTR takes Map-Notifies under what it derives."""
    plain = xtr.request(*(eids or ("10.1.0.0/16",)), nonce=nonce, **fields)  # type: ignore[arg-type]
    xtr.outstanding.add(nonce)
    is_open = itr.wrap_id == NULL_WRAP
    xtr.key = Key(itr.otk if is_open else pubsub_key(itr.otk, nonce))
    return xtr.world.hear(itr.protects(plain, nonce), ITR)


def actions(effects: list[Effect]) -> list[int]:
    """The actions in the one Map-Reply sent."""
    (send,) = of(Send, effects)
    reply = decode(send.data)
    assert isinstance(reply, MapReply)
    return [r.action for r in reply.records]


def test_without_a_key_of_its_own_the_one_time_key_makes_the_association() -> None:
    xtr = Xtr(registered())
    (notify,) = xtr.hears(ask(xtr, SecureItr(), 50))
    assert notify.nonce == 50
    xtr.acknowledges(notify)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    assert [n.nonce for n in xtr.hears_of()] == [51]


def test_a_one_time_key_that_came_unencrypted_is_the_key_itself() -> None:
    xtr = Xtr(registered())
    assert xtr.hears(ask(xtr, SecureItr(wrap_id=NULL_WRAP), 50))


def test_a_used_one_time_key_is_refused_with_action_5() -> None:
    xtr = Xtr(registered())
    itr = SecureItr()
    assert xtr.hears(ask(xtr, itr, 50))
    effects = ask(xtr, itr, 60)
    records, vouched = itr.believes(of(Send, effects)[-1].data)
    assert [(r.eid_prefix, r.action, len(r.rlocs)) for r in records] == [(PREFIX, 5, 0)]
    assert vouched.prefixes == (PREFIX,)
    held = xtr.world.store.subscriptions.get(PREFIX, XTR)
    assert held is not None
    assert held.nonce == 50


def test_a_new_one_time_key_lets_an_xtr_that_lost_its_nonce_begin_anew() -> None:
    xtr = Xtr(registered())
    assert xtr.hears(ask(xtr, SecureItr(), 50_000))
    xtr.nonces.clear()
    (notify,) = xtr.hears(ask(xtr, SecureItr(otk=b"another otk....."), 7))
    xtr.acknowledges(notify)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    assert [n.nonce for n in xtr.hears_of()] == [8]


def test_a_replay_of_the_whole_ecm_subscribes_nobody_again() -> None:
    xtr = Xtr(registered())
    itr = SecureItr()
    recorded = itr.protects(xtr.request("10.1.0.0/16", nonce=50), 50)
    xtr.world.hear(recorded, ITR)
    xtr.world.store.take_changes()
    effects = xtr.world.hear(recorded, ITR)
    assert actions(effects) == [5]
    assert xtr.world.store.take_changes()[1] == b""


def test_a_removal_needs_a_one_time_key_too() -> None:
    xtr = Xtr(registered())
    for notify in xtr.hears(ask(xtr, SecureItr(), 50)):
        xtr.acknowledges(notify)
    nowhere = (NoAddress(),)
    plain = xtr.request("10.1.0.0/16", nonce=60, itr_rlocs=nowhere)
    assert refusal(xtr.world.hear(plain, ITR))[1] == [(PREFIX, 5, 0)]
    otk = b"one for removal."
    (notify,) = xtr.hears(ask(xtr, SecureItr(otk=otk), 61, itr_rlocs=nowhere))
    assert notify.nonce == 61
    # What served a removal has been used, too.
    assert actions(ask(xtr, SecureItr(otk=otk), 62)) == [5]


def test_a_configured_key_comes_first() -> None:
    xtr = Xtr(registered(replace(KEYLESS, pubsub=PUBSUB)))
    itr = SecureItr()
    plain = xtr.request("10.1.0.0/16", nonce=50)
    xtr.outstanding.add(50)
    assert xtr.hears(xtr.world.hear(itr.protects(plain, 50), ITR))


def test_derived_keys_and_used_ones_outlive_a_restart() -> None:
    xtr = Xtr(registered())
    itr = SecureItr()
    for notify in xtr.hears(ask(xtr, itr, 50)):
        xtr.acknowledges(notify)
    store = PureStore()
    store.apply(xtr.world.store.take_changes()[1], 0.0)
    again = World(KEYLESS)
    again.store, again.engine = store, Engine(store, KEYLESS, lambda: 1)
    xtr.world = again
    again.register(ETR, record("10.1.0.0/16", "192.0.2.2"), nonce=999)
    assert [n.nonce for n in xtr.hears_of()] == [51]
    assert actions(ask(xtr, itr, 70)) == [5]


def test_more_one_time_keys_than_can_be_remembered_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pubsub_otk, "ONE_TIME_KEYS_PER_XTR", 3)
    xtr = Xtr(registered())
    for number in range(3):
        assert xtr.hears(ask(xtr, SecureItr(otk=bytes([number]) * 16), 50 + number))
    assert actions(ask(xtr, SecureItr(otk=bytes([9]) * 16), 60)) == [5]


def test_the_one_time_key_reaches_the_map_server_through_a_map_resolver() -> None:
    """The Map-Resolver vouches and wraps the key anew; both ends derive the same."""
    onward = b"between Map-Resolver and Map-Server"
    resolver = World(
        replace(
            KEYLESS,
            pubsub=None,
            map_server=False,
            sites=(),
            local=(RESOLVER,),
            authority=(EidPrefix.parse("172.16.0.0/12"),),
            map_servers=(SERVER,),
            lisp_sec=LispSecSettings(itrs=ITRS, onward=Wrapping(5, WrapKey(onward))),
        )
    )
    server = registered(
        replace(
            KEYLESS,
            map_resolver=False,
            known_xtrs=(),
            pubsub=PubSubSettings(
                trusted_resolvers=(EidPrefix.parse(RESOLVER.host),),
            ),
            lisp_sec=LispSecSettings(map_resolvers=Askers(Policy.ALLOWED, {5: WrapKey(onward)})),
        )
    )
    xtr = Xtr(resolver, key_id=5)
    (passed_on,) = of(Send, ask(xtr, SecureItr(), 50))
    xtr.world = server
    (notify,) = xtr.hears(server.hear(passed_on.data, RESOLVER))
    assert xtr.acknowledges(notify) == []


# Octet by octet


def test_confirmation_and_publication_octet_by_octet() -> None:
    """Computed with struct and hmac alone: head, records and MAC."""
    world = registered(replace(KEYLESS, pubsub=PUBSUB))
    xtr = Xtr(world)
    effects = xtr.asks("10.1.0.0/16", nonce=0xFEDCBA9876543210)
    ((_, confirmation),) = notifies(effects)
    rloc = struct.pack("!BBBBHH4s", 1, 100, 255, 0, 1, 1, bytes((192, 0, 2, 1)))
    eid = struct.pack("!H4s", 1, bytes((10, 1, 0, 0)))
    mapped = struct.pack("!IBBHH", 1440, 1, 16, 0, 0) + eid + rloc

    def expected(nonce: int, body: bytes) -> bytes:
        head = struct.pack("!IQBBH", 0x40000001, nonce, 1, 2, 16)
        mac = hmac.digest(b"the key of the subscribers", head + bytes(16) + body, "sha256")[:16]
        return head + mac + body

    assert confirmation.data == expected(0xFEDCBA9876543210, mapped)
    world.register(ETR, record("10.1.0.0/16", ttl=0))
    (publication,) = of(Send, world.pass_time(0.0))
    removed = struct.pack("!IBBHH", 0, 0, 16, 0, 0) + eid
    assert publication.data == expected(0xFEDCBA9876543211, removed)


def test_a_derived_key_is_kept_and_not_shown() -> None:
    xtr = Xtr(registered())
    ask(xtr, SecureItr(), 50)
    held = xtr.world.store.subscriptions.get(PREFIX, XTR)
    assert held is not None
    details = SubscriberDetails.unpack(held.details)
    assert details.derived_key == pubsub_key(SecureItr().otk, 50)
    assert "derived_key" not in repr(details)
