"""Subscriptions, nonces and publications that are owed, over a restart of the Map-Server."""

from __future__ import annotations

from dataclasses import replace

from mapsys.core.effects import Effect, SubscriptionChanged
from mapsys.core.engine import Engine
from mapsys.store_pure import PureStore
from tests.core.subscriber import SUBSCRIBABLE, XTR, Xtr, subscribable
from tests.core.world import Etr, World, drop_reason, of, record

ETR = Etr()


class Journal:
    """Every change log of a server, from its first run on."""

    def __init__(self) -> None:
        self._logs: list[bytes] = []

    def restart(self, world: World) -> World:
        """The same server again, with what was logged and nothing else."""
        self._logs.append(world.store.take_changes()[1])
        again = World(world.engine.settings)
        again.now = world.now
        again.store = PureStore()
        for log in self._logs:
            again.store.apply(log, 0.0)
        again.engine = Engine(again.store, world.engine.settings, lambda: 1)
        return again


def subscribed(nonce: int = 70) -> Xtr:
    """An xTR subscribed to 10.1.0.0/16; registrations outlast every test."""
    world = subscribable(replace(SUBSCRIBABLE, lifetime_seconds=10_000))
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16", nonce=nonce)
    return xtr


def changes(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(str(e.eid), str(e.change)) for e in of(SubscriptionChanged, effects)]


def test_a_restart_keeps_subscriptions_and_their_nonces() -> None:
    xtr = subscribed(nonce=70)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    assert [n.nonce for n in xtr.hears_of()] == [71]
    xtr.world = Journal().restart(xtr.world)
    assert xtr.hears_of(10.0) == []
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.3"))
    assert [n.nonce for n in xtr.hears_of()] == [72]
    assert drop_reason(xtr.asks("10.1.0.0/16", nonce=72)) == "replayed"


def test_a_restart_keeps_what_is_temporary_silent_or_over() -> None:
    xtr = subscribed()
    xtr.subscribes("10.99.1.1")
    xtr.unsubscribes("10.1.2.0/24")
    xtr.world.register(ETR, record("10.1.3.0/24", "192.0.2.1"))
    xtr.hears_of()
    xtr.subscribes("10.1.3.0/24", nonce=500_000)
    xtr.unsubscribes("10.1.3.0/24", nonce=500_001)
    xtr.world = Journal().restart(xtr.world)
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    assert xtr.hears_of() == []
    assert drop_reason(xtr.asks("10.1.3.0/24", nonce=500_001)) == "replayed"
    assert changes(xtr.world.pass_time(901.0)) == [("10.64.0.0/10", "expired")]
    assert xtr.world.store.subscriptions.held_by(XTR) == 4


def test_what_was_not_told_before_a_restart_is_told_after_it_and_then_no_more() -> None:
    xtr, journal = subscribed(), Journal()
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    xtr.world = journal.restart(xtr.world)
    assert [str(n.records[0].eid_prefix) for n in xtr.hears_of()] == ["10.1.2.0/24"]
    xtr.world = journal.restart(xtr.world)
    assert xtr.hears_of(100.0) == []


def test_what_was_not_acknowledged_before_a_restart_is_told_again_after_it() -> None:
    xtr = subscribed(nonce=70)
    xtr.world.register(ETR, record("10.1.0.0/16", ttl=0))
    assert [n.nonce for n in xtr.hears_of(acknowledges=False)] == [71]
    xtr.world = Journal().restart(xtr.world)
    (notify,) = xtr.hears_of()
    assert (notify.nonce, notify.records[0].record_ttl_minutes) == (72, 0)


def test_what_expired_while_the_server_was_away_is_published_when_it_is_back() -> None:
    xtr = subscribed()
    again = Journal().restart(xtr.world)
    again.now += 20_000.0
    xtr.world = again
    (notify,) = xtr.hears_of(1.0)
    assert notify.records[0].record_ttl_minutes == 0
