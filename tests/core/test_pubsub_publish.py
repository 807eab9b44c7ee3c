"""Publications: what changed, to whom, under which nonce, until when (RFC 9437, 5 and 6)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from mapsys.core import pubsub_news, pubsub_notify
from mapsys.core.effects import (
    Datagram,
    Effect,
    Endpoint,
    PublicationsLost,
    Published,
    Send,
    SubscriptionChanged,
)
from mapsys.core.engine import EXPIRY_SLICE
from mapsys.core.limiter import Rate
from mapsys.core.pubsub_publish import PUBLISH_STEPS
from mapsys.core.pubsub_settings import KnownXtr, Subscriber
from mapsys.eid import EidPrefix
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.message import decode
from tests.core.subscriber import PUBSUB, SUBSCRIBABLE, XTR, XTR_2, Xtr, subscribable
from tests.core.world import (
    ITR,
    Etr,
    World,
    drop_reason,
    notifies,
    of,
    record,
    site_one,
    site_two,
)

PREFIX = EidPrefix.parse("10.1.0.0/16")
ETR = Etr()


def told(heard: list[MapNotify]) -> list[tuple[str, int, int]]:
    """(EID-Prefix, TTL, locators) of every record of some Map-Notifies."""
    return [
        (str(r.eid_prefix), r.record_ttl_minutes, len(r.rlocs)) for n in heard for r in n.records
    ]


def changes(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(str(e.eid), str(e.change)) for e in of(SubscriptionChanged, effects)]


def subscribed(eid: str = "10.1.0.0/16", **pubsub: object) -> Xtr:
    """An xTR subscribed to a registered prefix; registrations outlast every test."""
    world = subscribable(replace(SUBSCRIBABLE, lifetime_seconds=10_000), **pubsub)
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes(eid)
    return xtr


# What is published


def test_a_changed_mapping_is_published_at_once_with_the_next_nonce() -> None:
    xtr = subscribed()
    first = xtr.last_nonce
    for number in (2, 3, 4):
        xtr.world.register(ETR, record("10.1.0.0/16", f"192.0.2.{number}"))
        (notify,) = xtr.hears_of()
        assert notify.nonce == first + number - 1
        assert told([notify]) == [("10.1.0.0/16", 1440, 1)]
        assert xtr.locators("10.1.0.0/16") == [f"192.0.2.{number}"]


def test_a_publication_waits_for_the_commit_of_what_it_tells() -> None:
    xtr = subscribed()
    xtr.world.store.take_changes()
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    (send,) = of(Send, xtr.world.pass_time(0.0))
    assert send.after == xtr.world.store.ticket
    assert of(Published, xtr.world.pass_time(0.0)) == []


def test_more_specifics_are_published_when_they_come_change_and_go() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    xtr.world.register(ETR, record("10.1.3.0/24", "192.0.2.3"))
    assert told(xtr.hears_of()) == [("10.1.2.0/24", 1440, 1), ("10.1.3.0/24", 1440, 1)]
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.4"))
    xtr.world.register(ETR, record("10.1.3.0/24", ttl=0))
    assert told(xtr.hears_of()) == [("10.1.2.0/24", 1440, 1), ("10.1.3.0/24", 0, 0)]
    assert xtr.locators("10.1.3.0/24") is None


def test_a_withdrawn_mapping_has_ttl_0_and_its_return_is_published() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.0.0/16", ttl=0))
    assert told(xtr.hears_of()) == [("10.1.0.0/16", 0, 0)]
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.5"))
    assert told(xtr.hears_of()) == [("10.1.0.0/16", 1440, 1)]


def test_an_expired_mapping_has_ttl_0() -> None:
    xtr = subscribed()
    assert told(xtr.hears_of(9_999.0)) == []
    assert told(xtr.hears_of(3.0)) == [("10.1.0.0/16", 0, 0)]


def test_a_move_is_published() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.2.3/32", "192.0.2.2"))
    xtr.hears_of()
    xtr.world.register(Etr(host="192.0.2.7"), record("10.1.2.3/32", "192.0.2.7"))
    xtr.hears_of()
    assert xtr.locators("10.1.2.3") == ["192.0.2.7"]


def test_a_merged_mapping_is_published_with_every_xtr_that_joins_or_leaves() -> None:
    world = subscribable()
    one = Etr(xtr_id=bytes(16))
    two = Etr(host="192.0.2.2", xtr_id=b"2" * 16)
    world.register(one, record("10.1.0.0/16", "192.0.2.1"), merge_request=True)
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16")
    world.register(two, record("10.1.0.0/16", "192.0.2.2"), merge_request=True)
    assert told(xtr.hears_of()) == [("10.1.0.0/16", 1440, 2)]
    world.pass_time(100.0)
    world.register(two, record("10.1.0.0/16", "192.0.2.2"), merge_request=True)
    assert told(xtr.hears_of(90.0)) == [("10.1.0.0/16", 1440, 1)]


def test_a_static_mapping_that_comes_with_a_reload_is_published() -> None:
    xtr = subscribed()
    settings = xtr.world.engine.settings
    kept = record("10.1.9.0/24", "192.0.2.9")
    site = site_one(static=(kept,))
    xtr.world.engine.reconfigure(replace(settings, sites=(site, site_two())), xtr.world.now)
    assert told(xtr.hears_of()) == [("10.1.9.0/24", 1440, 1)]


def test_what_a_reload_no_longer_allows_is_published_as_gone() -> None:
    xtr = subscribed("10.1.0.0/16")
    settings = replace(xtr.world.engine.settings, sites=(site_two(),))
    xtr.world.engine.reconfigure(settings, xtr.world.now)
    assert told(xtr.hears_of()) == [("10.1.0.0/16", 0, 0)]


@pytest.mark.parametrize("change", ["refresh", "flag"])
def test_what_changes_no_mapping_is_not_published(change: str) -> None:
    xtr = subscribed()
    flags = {"security_capable": change == "flag"}
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.1"), **flags)
    assert xtr.hears_of(10.0) == []


def test_what_changed_and_changed_back_before_its_turn_is_not_published() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    assert xtr.hears_of(10.0) == []
    assert xtr.world.store.subscriptions.owed() == []


def test_several_changes_before_their_turn_are_one_publication() -> None:
    xtr = subscribed()
    for number in range(2, 9):
        xtr.world.register(ETR, record("10.1.0.0/16", f"192.0.2.{number}"))
    assert len(xtr.hears_of()) == 1
    assert xtr.locators("10.1.0.0/16") == ["192.0.2.8"]


def test_mappings_outside_the_subscription_are_not_published() -> None:
    xtr = subscribed()
    xtr.world.register(Etr(), record("2001:db8:1::/48", "192.0.2.1"))
    assert xtr.hears_of(10.0) == []


def test_what_etrs_answer_for_themselves_is_not_published_but_its_end_is() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.2"), proxy_map_reply=False)
    assert xtr.hears_of() == []
    xtr.world.register(ETR, record("10.1.2.0/24", ttl=0), proxy_map_reply=False)
    assert told(xtr.hears_of()) == [("10.1.2.0/24", 0, 0)]


def test_policy_bounds_what_is_published() -> None:
    world = subscribable(subscribers=(Subscriber(XTR, allow=(EidPrefix.parse("10.1.8.0/21"),)),))
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.9.0/24")
    for eid in ("10.1.0.0/16", "10.1.9.0/24", "10.1.99.0/24"):
        world.register(ETR, record(eid, "192.0.2.2"))
    assert told(xtr.hears_of()) == [("10.1.0.0/16", 1440, 1), ("10.1.9.0/24", 1440, 1)]


# Whom it is told


def test_every_subscriber_is_told_once_under_its_longest_prefix() -> None:
    xtr = subscribed()
    world = xtr.world
    world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    xtr.hears_of()
    xtr.subscribes("10.1.2.0/24", nonce=5000)
    other = Xtr(world, xtr_id=XTR_2, rlocs=("198.51.100.9",), asker=Endpoint("198.51.100.9", 4342))
    other.subscribes("10.1.0.0/16", nonce=9)
    world.register(ETR, record("10.1.2.0/24", "192.0.2.3"))
    effects = world.pass_time(0.0)
    assert [n.nonce for n in xtr.hears(effects)] == [5001]
    assert [n.nonce for n in other.hears(effects)] == [10]
    assert len(of(Published, effects)) == 2


def test_the_nonce_exceeds_what_was_seen_of_the_very_prefix() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    xtr.hears_of()
    xtr.subscribes("10.1.2.0/24", nonce=70_000)
    for notify in xtr.hears(xtr.unsubscribes("10.1.2.0/24", nonce=70_001)):
        xtr.acknowledges(notify)
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.3"))
    assert [n.nonce for n in xtr.hears_of()] == [70_002]
    xtr.world.register(ETR, record("10.1.2.0/24", "192.0.2.4"))
    assert [n.nonce for n in xtr.hears_of()] == [70_003]


# Acknowledgments


def test_a_publication_is_repeated_by_the_times_of_map_notifies() -> None:
    xtr = subscribed()
    world = xtr.world
    world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    start = world.now
    times = []
    for _ in range(52):
        times += [round(world.now - start)] * len(xtr.hears_of(0.0, acknowledges=False))
        world.now += 1.0
    assert times == [0, 3, 6, 9, 15, 27, 51]


def test_an_acknowledgment_has_to_be_signed_and_to_name_what_was_told() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    (notify,) = xtr.hears_of(acknowledges=False)
    good = xtr.acknowledgment(notify)

    def reason_of(data: bytes) -> str:
        return drop_reason(xtr.world.hear(data, ITR))

    assert reason_of(good[:-1] + bytes((good[-1] ^ 1,))) == "authentication-failed"
    assert reason_of(xtr.acknowledgment(notify, records=())) == "unknown-notify"
    assert reason_of(xtr.acknowledgment(notify, nonce=notify.nonce + 1)) == "unknown-notify"
    nowhere = replace(notify.records[0], eid=notify.records[0].rlocs[0].rloc, mask_len=99)
    assert reason_of(xtr.acknowledgment(notify, records=(nowhere,))) == "bad-mask-length"
    assert len(xtr.hears_of(3.0, acknowledges=False)) == 1
    assert xtr.world.hear(good, ITR) == []
    assert xtr.hears_of(100.0, acknowledges=False) == []
    assert reason_of(good) == "unknown-notify"


def test_acknowledgments_of_equal_nonces_are_told_apart() -> None:
    """Nonces are the xTRs' choice; the address, and the EID-Prefixes, say who is meant."""
    world = subscribable()
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    world.register(ETR, record("10.1.2.0/24", "192.0.2.1"))
    one = Xtr(world)
    two = Xtr(world, xtr_id=XTR_2, rlocs=("198.51.100.9",), asker=Endpoint("198.51.100.9", 4342))
    for xtr in (one, two):
        xtr.subscribes("10.1.0.0/16", nonce=500)
        xtr.subscribes("10.1.2.0/24", nonce=500)
    world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    effects = world.pass_time(0.0)
    of_one, of_two = one.hears(effects), two.hears(effects)
    assert {n.nonce for n in of_one + of_two} == {501}
    for notify in of_two:
        assert two.acknowledges(notify) == []
    left = world.pass_time(3.0)
    assert told(one.hears(left)) == told(of_one)
    assert two.hears(left) == []


def test_an_acknowledgment_from_another_address_counts_by_its_mac() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    (notify,) = xtr.hears_of(acknowledges=False)
    assert xtr.acknowledges(notify, Endpoint("203.0.113.1", 4342)) == []
    assert xtr.hears_of(100.0) == []


def test_a_later_change_replaces_a_publication_that_waits() -> None:
    xtr = subscribed()
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    (old,) = xtr.hears_of(acknowledges=False)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.3"))
    (new,) = xtr.hears_of(acknowledges=False)
    assert {n.nonce for n in xtr.hears_of(20.0, acknowledges=False)} == {new.nonce}
    assert drop_reason(xtr.acknowledges(old)) == "unknown-notify"
    assert xtr.acknowledges(new) == []
    assert xtr.hears_of(100.0) == []


def multi_homed() -> Xtr:
    """A subscriber with three ITR-RLOCs, the second of which cannot be sent to."""
    world = subscribable(replace(SUBSCRIBABLE, lifetime_seconds=10_000))
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world, rlocs=("198.51.100.1", "224.0.0.1", "2001:db8:9::1"))
    xtr.subscribes("10.1.0.0/16")
    world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    return xtr


def test_the_next_itr_rloc_is_tried_with_the_same_octets() -> None:
    xtr = multi_homed()
    sends = of(Send, xtr.world.pass_time(80.0))
    assert [s.destination.host for s in sends] == ["198.51.100.1"] * 7 + ["2001:db8:9::1"] * 2
    assert len({s.data for s in sends}) == 1
    message = decode(sends[0].data)
    assert isinstance(message, MapNotify)
    assert xtr.acknowledges(message, Endpoint("2001:db8:9::1", 4342)) == []
    assert xtr.hears_of(200.0) == []
    assert xtr.world.store.subscriptions.held_by(XTR) == 1


def test_when_no_itr_rloc_answers_the_subscription_ends_and_the_xtr_is_told_once() -> None:
    xtr = multi_homed()
    effects = xtr.world.pass_time(200.0)
    heard = notifies(effects)
    assert len(heard) == 15
    last, send = heard[-1]
    assert last.nonce == heard[0][0].nonce
    assert [(r.eid_prefix, r.action, len(r.rlocs)) for r in last.records] == [(PREFIX, 5, 0)]
    assert xtr.key.verify(send.data)
    assert send.destination.host == "198.51.100.1"
    assert changes(effects) == [("10.1.0.0/16", "unacknowledged")]
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.3"))
    assert xtr.world.pass_time(0.0) == []
    assert xtr.world.store.subscriptions.owed() == []
    held = xtr.world.store.subscriptions.get(PREFIX, XTR)
    assert held is not None
    assert drop_reason(xtr.asks("10.1.0.0/16", nonce=held.nonce)) == "replayed"


def test_an_unacknowledged_confirmation_ends_what_it_was_about() -> None:
    world = subscribable(replace(SUBSCRIBABLE, lifetime_seconds=10_000))
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    world.register(ETR, record("10.1.2.0/24", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.asks("10.1.0.0/16", "10.1.2.0/24", nonce=5000)
    world.pass_time(1.0)
    xtr.subscribes("10.1.2.0/24", nonce=6000)
    effects = world.pass_time(100.0)
    assert changes(effects) == [("10.1.0.0/16", "unacknowledged")]
    assert [str(r.eid_prefix) for r in notifies(effects)[-1][0].records] == ["10.1.0.0/16"]
    world.register(ETR, record("10.1.2.0/24", "192.0.2.2"))
    assert told(xtr.hears_of()) == [("10.1.2.0/24", 1440, 1)]


def test_what_ended_meanwhile_ends_once() -> None:
    """Many publications of one subscription wait; the first that is given up ends all."""
    xtr = subscribed()
    for number in range(20):
        xtr.world.register(ETR, record(f"10.1.{number}.0/24", "192.0.2.1"))
    effects = xtr.world.pass_time(200.0)
    assert changes(effects) == [("10.1.0.0/16", "unacknowledged")]
    assert sum(r.action == 5 for n, _ in notifies(effects) for r in n.records) == 1


# Keys and nonces that are gone


def test_a_key_that_is_no_longer_configured_ends_its_subscriptions() -> None:
    xtr = subscribed()
    settings = xtr.world.engine.settings
    without = replace(PUBSUB, keys=PUBSUB.keys[1:], default_key_id=2)
    xtr.world.engine.reconfigure(replace(settings, pubsub=without), xtr.world.now)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    effects = xtr.world.pass_time(0.0)
    assert changes(effects) == [("10.1.0.0/16", "key-gone")]
    assert of(Send, effects) == []


def test_used_up_nonces_end_a_subscription() -> None:
    xtr = subscribed()
    xtr.world.store.subscriptions.raise_nonce(PREFIX, XTR, 2**64 - 2)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    assert [n.nonce for n in xtr.hears_of()] == [2**64 - 1]
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.3"))
    assert changes(xtr.world.pass_time(0.0)) == [("10.1.0.0/16", "nonces-used-up")]


def test_switched_off_nothing_is_published_and_nothing_forgotten() -> None:
    xtr = subscribed()
    settings = xtr.world.engine.settings
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    (notify,) = xtr.hears_of(acknowledges=False)
    xtr.world.engine.reconfigure(replace(settings, pubsub=None), xtr.world.now)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.3"))
    assert xtr.world.pass_time(100.0) == []
    assert xtr.acknowledges(notify) == []
    assert len(xtr.world.store.subscriptions) == 1
    xtr.world.engine.reconfigure(settings, xtr.world.now)
    xtr.world.register(ETR, record("10.1.0.0/16", "192.0.2.4"))
    assert told(xtr.hears_of()) == [("10.1.0.0/16", 1440, 1)]


# Many at once


def test_a_mass_change_is_published_in_slices_at_the_pace_set() -> None:
    count = 3_000
    world = subscribable(replace(SUBSCRIBABLE, lifetime_seconds=10_000), notifies=Rate(500, 1_000))
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16")
    for number in range(count):
        host = f"10.1.{number // 250}.{number % 250}/32"
        world.register(ETR, record(host, "192.0.2.1"))
    start = world.now
    heard: list[MapNotify] = []
    for _ in range(100_000):
        deadline = world.engine.next_deadline()
        if deadline is None or deadline > start + 60.0:
            break
        world.now = max(world.now, deadline)
        effects = world.engine.expire(world.now)
        assert len(of(Send, effects)) <= PUBLISH_STEPS + EXPIRY_SLICE
        batch = xtr.hears(effects)
        heard += batch
        for notify in batch:
            assert xtr.acknowledges(notify) == []
        if len(heard) < 1_000:
            assert world.now == start
    assert len(heard) == count
    assert world.now - start == pytest.approx((count - 1_000) / 500, abs=0.1)
    assert [n.nonce for n in heard] == list(range(heard[0].nonce, heard[0].nonce + count))
    assert world.store.subscriptions.owed() == []


def test_many_subscribers_of_one_mapping_are_told_in_slices() -> None:
    count = 2_000
    ids = [b"xtr-number" + n.to_bytes(6, "big") for n in range(count)]
    settings = replace(SUBSCRIBABLE, known_xtrs=tuple(map(KnownXtr, ids)), lifetime_seconds=10_000)
    world = subscribable(settings, notifies=None)
    world.register(ETR, record("10.1.0.0/16", "192.0.2.1"))
    xtrs = {}
    for number, xtr_id in enumerate(ids):
        host = f"198.51.{number // 250}.{number % 250 + 1}"
        xtrs[host] = Xtr(world, xtr_id=xtr_id, rlocs=(host,), asker=Endpoint(host, 4342))
        xtrs[host].subscribes("10.1.0.0/16")
    world.register(ETR, record("10.1.0.0/16", "192.0.2.2"))
    told_hosts = []
    for _ in range(count):
        effects = world.engine.expire(world.now)
        sends = of(Send, effects)
        assert len(sends) <= PUBLISH_STEPS
        for send in sends:
            told_hosts.append(send.destination.host)
            (notify,) = xtrs[send.destination.host].hears([send])
            assert xtrs[send.destination.host].acknowledges(notify) == []
        if len(told_hosts) == count:
            break
    assert sorted(told_hosts) == sorted(xtrs)
    world.pass_time(0.0)
    assert world.store.subscriptions.owed() == []


def test_changes_beyond_what_can_wait_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub_news, "MAX_CHANGED", 10)
    xtr = subscribed()
    for number in range(15):
        xtr.world.register(ETR, record(f"10.1.{number}.0/24", "192.0.2.1"))
    effects = xtr.world.pass_time(0.0)
    assert of(PublicationsLost, effects) == [PublicationsLost(5)]
    assert len(xtr.hears(effects)) == 10


def test_subscriptions_beyond_what_can_be_followed_up_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pubsub_news, "MAX_FOLLOWED_UP", 0)
    world = subscribable()
    for number in range(40):
        world.register(ETR, record(f"10.1.{number}.0/24", "192.0.2.1"))
    Xtr(world).subscribes("10.1.0.0/16")
    assert of(PublicationsLost, world.engine.expire(world.now)) == [PublicationsLost(1)]


@pytest.mark.parametrize("limit", ["MAX_WAITING", "MAX_WAITING_PER_XTR", "MAX_WAITING_PER_RLOC"])
def test_what_cannot_wait_for_its_acknowledgment_is_sent_once(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(pubsub_notify, limit, 3)
    xtr = subscribed()
    for number in range(5):
        xtr.world.register(ETR, record(f"10.1.{number}.0/24", "192.0.2.1"))
    assert len(xtr.hears_of(acknowledges=False)) == 5
    assert len(xtr.hears_of(3.0)) == 3
    assert xtr.hears_of(100.0) == []
    assert xtr.world.store.subscriptions.owed() == []


def test_one_itr_rloc_that_many_xtrs_name_is_not_flooded_with_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pubsub_notify, "MAX_WAITING_PER_RLOC", 3)
    world = subscribed().world
    Xtr(world, xtr_id=XTR_2).subscribes("10.1.0.0/16")

    def sent(seconds: float) -> Counter[str]:
        return Counter(send.destination.host for send in of(Send, world.pass_time(seconds)))

    for number in (1, 2):
        world.register(ETR, record(f"10.1.{number}.0/24", "192.0.2.1"))
    assert sent(0.0) == {ITR.host: 4}
    assert sent(3.0) == {ITR.host: 3}


def test_a_subscription_costs_registrations_elsewhere_nothing() -> None:
    xtr = subscribed()
    effects = xtr.world.register(Etr(key=ETR.key), record("2001:db8:1:2::/64", "192.0.2.1"))
    assert len(of(Send, effects)) == 1
    assert xtr.world.store.subscriptions.owed() == []


def test_datagrams_are_answered_before_what_has_to_be_published() -> None:
    """Publications come with the clock, never with the Map-Register that caused them."""
    xtr = subscribed()
    data = ETR.message(record("10.1.0.0/16", "192.0.2.2"))
    effects = xtr.world.engine.handle(
        Datagram(data, Endpoint(ETR.host, 4342), Endpoint("192.0.2.10", 4342)), xtr.world.now
    )
    assert xtr.hears(effects) == []
    deadline = xtr.world.engine.next_deadline()
    assert deadline is not None
    assert deadline <= xtr.world.now
    assert len(xtr.hears_of()) == 1


def test_repeats_of_many_at_once_come_in_slices() -> None:
    world: World = subscribed().world
    for number in range(600):
        world.register(ETR, record(f"10.1.{number // 250}.{number % 250}/32", "192.0.2.1"))
    world.pass_time(0.0)
    world.now += 3.0
    for expected in (EXPIRY_SLICE, EXPIRY_SLICE, 600 - 2 * EXPIRY_SLICE, 0):
        assert len(of(Send, world.engine.expire(world.now))) == expected
