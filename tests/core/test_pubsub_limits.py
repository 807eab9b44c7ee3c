"""Subscriptions within bounds, and what happens past them (RFC 9437, 5 and 7.2)."""

from __future__ import annotations

from dataclasses import replace

from mapsys.core.effects import Effect, Repeat, Send
from mapsys.core.limiter import Rate
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from tests.core.subscriber import SUBSCRIBABLE, XTR, XTR_2, Xtr, subscribable
from tests.core.world import Etr, World, drop_reason, of, record

ETR = Etr()


def registered(**pubsub: object) -> World:
    world = subscribable(replace(SUBSCRIBABLE, lifetime_seconds=10_000), **pubsub)
    for number in range(5):
        world.register(ETR, record(f"10.1.{number}.0/24", "192.0.2.1"))
    return world


def is_ordinary_answer(effects: list[Effect], eid: str) -> bool:
    """A positive Map-Reply that the datapath may not repeat by itself, and nothing else."""
    (send,) = of(Send, effects)
    message = decode(send.data)
    return (
        isinstance(message, MapReply)
        and [str(r.eid_prefix) for r in message.records] == [eid]
        and len(message.records[0].rlocs) == 1
        and send.repeat is Repeat.NEVER
    )


def test_past_the_limit_of_an_xtr_the_answer_is_an_ordinary_one() -> None:
    world = registered(subscriptions_per_xtr=2)
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/24")
    xtr.subscribes("10.1.1.0/24")
    assert is_ordinary_answer(xtr.asks("10.1.2.0/24"), "10.1.2.0/24")
    xtr.subscribes("10.1.1.0/24")
    Xtr(world, xtr_id=XTR_2).subscribes("10.1.2.0/24")
    assert world.store.subscriptions.held_by(XTR) == 2


def test_a_remembered_nonce_counts_until_it_is_forgotten() -> None:
    world = registered(subscriptions_per_xtr=1, nonce_memory_seconds=100.0)
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/24")
    for notify in xtr.hears(xtr.unsubscribes("10.1.0.0/24")):
        xtr.acknowledges(notify)
    assert is_ordinary_answer(xtr.asks("10.1.1.0/24"), "10.1.1.0/24")
    world.pass_time(101.0)
    xtr.subscribes("10.1.1.0/24")


def test_silence_needs_room_too() -> None:
    world = registered(subscriptions_per_xtr=1)
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16")
    assert drop_reason(xtr.unsubscribes("10.1.0.0/24")) == "no-itr-rloc"
    assert len(world.store.subscriptions) == 1


def test_past_the_limit_of_the_server_the_answer_is_an_ordinary_one() -> None:
    world = registered(subscriptions_limit=1)
    Xtr(world).subscribes("10.1.0.0/24")
    other = Xtr(world, xtr_id=XTR_2)
    assert is_ordinary_answer(other.asks("10.1.0.0/24"), "10.1.0.0/24")
    Xtr(world).subscribes("10.1.0.0/24", nonce=5000)


def test_an_xtr_that_asks_too_often_gets_ordinary_answers_for_a_while() -> None:
    world = registered(requests_per_xtr=Rate(1, 2))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/24")
    xtr.subscribes("10.1.0.0/24")
    assert is_ordinary_answer(xtr.asks("10.1.0.0/24"), "10.1.0.0/24")
    Xtr(world, xtr_id=XTR_2).subscribes("10.1.0.0/24")
    world.pass_time(1.0)
    xtr.subscribes("10.1.0.0/24")


def test_a_replay_takes_nothing_from_the_budget_of_the_xtr_it_names() -> None:
    world = registered(requests_per_xtr=Rate(0.001, 2))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/24", nonce=50)
    for _ in range(20):
        assert drop_reason(xtr.asks("10.1.0.0/24", nonce=50)) == "replayed"
    xtr.subscribes("10.1.0.0/24", nonce=51)


def test_while_the_journal_cannot_be_written_nobody_subscribes() -> None:
    world = registered()
    world.engine.set_writable(False)
    xtr = Xtr(world)
    assert is_ordinary_answer(xtr.asks("10.1.0.0/24"), "10.1.0.0/24")
    world.engine.set_writable(True)
    xtr.subscribes("10.1.0.0/24")


def test_a_server_that_wants_protection_takes_no_unprotected_subscription() -> None:
    askers = Askers(Policy.REQUIRED, {1: WrapKey(b"secret of the map-resolvers")})
    settings = replace(SUBSCRIBABLE, lisp_sec=LispSecSettings(map_resolvers=askers))
    world = subscribable(settings)
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    assert drop_reason(Xtr(world).asks("10.1.0.0/16")) == "lisp-sec-required"
    assert len(world.store.subscriptions) == 0
