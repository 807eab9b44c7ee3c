"""Subscribing and unsubscribing: who may, what is left, what is confirmed (RFC 9437, 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapsys.core.effects import Answered, Endpoint, Repeat, Send, SubscriptionChanged
from mapsys.core.pubsub_settings import KnownXtr, Subscriber
from mapsys.core.site import ProxyReply
from mapsys.eid import EidPrefix
from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.lcaf import NullBody
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from tests.core.subscriber import (
    OTHER_KEY,
    PUBSUB,
    SUBSCRIBABLE,
    XTR,
    XTR_2,
    Xtr,
    refusal,
    subscribable,
)
from tests.core.world import (
    ITR,
    ITR_PORT,
    SERVER_6,
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


def registered(**pubsub: object) -> World:
    """10.1.0.0/16 is registered, for proxy replies."""
    world = subscribable(**pubsub)
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    return world


def changes(effects: list[object]) -> list[tuple[str, str]]:
    return [(str(e.eid), str(e.change)) for e in of(SubscriptionChanged, effects)]  # type: ignore[arg-type]


# Subscribing


def test_a_subscription_is_confirmed_with_the_nonce_of_its_request_and_no_map_reply() -> None:
    world = registered()
    xtr = Xtr(world)
    effects = xtr.asks("10.1.0.0/16", nonce=77)
    (send,) = of(Send, effects)
    assert send.after is not None
    assert send.destination == Endpoint(ITR.host, 4342)
    (notify,) = xtr.hears(effects)
    assert notify.nonce == 77
    assert [(str(r.eid_prefix), r.record_ttl_minutes) for r in notify.records] == [
        ("10.1.0.0/16", 1440)
    ]
    assert xtr.locators("10.1.0.0/16") == ["192.0.2.1"]
    assert of(Answered, effects) == [Answered(PREFIX, "subscribed")]
    assert changes(effects) == [("10.1.0.0/16", "subscribed")]


def test_a_confirmation_is_repeated_until_acknowledged() -> None:
    xtr = Xtr(registered())
    (notify,) = xtr.hears(xtr.asks("10.1.0.0/16"))
    times = []
    for _ in range(10):
        times += [xtr.world.now] * len(xtr.hears_of(1.0, acknowledges=False))
    assert len(times) == 3  # 3, 6 and 9 s after the first
    assert xtr.acknowledges(notify) == []
    assert xtr.hears_of(100.0) == []
    held = xtr.world.store.subscriptions.get(PREFIX, XTR)
    assert held is not None
    assert held.nonce == notify.nonce


def test_an_eid_inside_a_mapping_subscribes_to_the_mapping() -> None:
    xtr = Xtr(registered())
    notify = xtr.subscribes("10.1.2.3")
    assert [r.eid_prefix for r in notify.records] == [PREFIX]
    assert xtr.world.store.subscriptions.get(PREFIX, XTR) is not None
    assert len(xtr.world.store.subscriptions) == 1


def test_a_confirmation_tells_of_more_specifics_under_one_ttl() -> None:
    world = registered()
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.2", ttl=10))
    xtr = Xtr(world)
    notify = xtr.subscribes("10.1.0.0/16")
    assert [(str(r.eid_prefix), r.record_ttl_minutes) for r in notify.records] == [
        ("10.1.0.0/16", 10),
        ("10.1.2.0/24", 10),
    ]


def test_more_specifics_that_etrs_answer_for_are_not_told() -> None:
    world = registered()
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.2"), proxy_map_reply=False)
    notify = Xtr(world).subscribes("10.1.0.0/16")
    assert [str(r.eid_prefix) for r in notify.records] == ["10.1.0.0/16"]


def test_what_does_not_fit_the_confirmation_follows_as_publications() -> None:
    world = registered()
    for number in range(40):
        world.register(Etr(), record(f"10.1.{number}.0/24", "192.0.2.1"))
    world.register(Etr(), record("10.1.200.0/24", "192.0.2.1"), proxy_map_reply=False)
    xtr = Xtr(world)
    notify = xtr.subscribes("10.1.0.0/16")
    assert [str(r.eid_prefix) for r in notify.records] == ["10.1.0.0/16"]
    heard = xtr.hears_of()
    assert [str(n.records[0].eid_prefix) for n in heard] == [
        f"10.1.{number}.0/24" for number in range(40)
    ]
    assert [n.nonce for n in heard] == list(range(notify.nonce + 1, notify.nonce + 41))
    assert len(xtr.cache) == 41


def test_parts_with_a_subscription_of_their_own_are_not_told_again() -> None:
    world = registered()
    for number in range(40):
        world.register(Etr(), record(f"10.1.{number}.0/24", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.7.0/24")
    xtr.subscribes("10.1.0.0/16")
    heard = {str(n.records[0].eid_prefix) for n in xtr.hears_of()}
    assert "10.1.7.0/24" not in heard
    assert len(heard) == 39


def test_several_records_are_confirmed_together_and_plain_ones_are_answered() -> None:
    world = registered()
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.2"))
    xtr = Xtr(world)
    effects = xtr.asks("10.1.2.0/24", "10.1.0.0/16", "10.2.0.0/16", notify=[True, True, False])
    (notify,) = xtr.hears(effects)
    assert [str(r.eid_prefix) for r in notify.records] == [
        "10.1.2.0/24",
        "10.1.0.0/16",
        "10.1.2.0/24",
    ]
    assert [o.outcome for o in of(Answered, effects)] == ["subscribed", "subscribed", "negative"]
    replies = [s for s in of(Send, effects) if s.destination.port == ITR_PORT]
    assert [s.repeat for s in replies] == [Repeat.NEVER]
    reply = decode(replies[0].data)
    assert [str(r.eid_prefix) for r in reply.records] == ["10.2.0.0/16"]  # type: ignore[union-attr]


def test_records_of_one_message_that_mean_the_same_mapping_subscribe_once() -> None:
    xtr = Xtr(registered())
    notify = xtr.subscribes("10.1.2.3", "10.1.2.4")
    assert [str(r.eid_prefix) for r in notify.records] == ["10.1.0.0/16"]
    assert len(xtr.world.store.subscriptions) == 1


def test_confirmations_of_many_records_are_several_packets_that_fit() -> None:
    world = subscribable()
    eids = [f"10.1.{number}.0/24" for number in range(60)]
    for eid in eids:
        world.register(Etr(), record(eid, "192.0.2.1"))
    xtr = Xtr(world)
    effects = xtr.asks(*eids)
    heard = xtr.hears(effects)
    assert len(heard) > 1
    assert len({n.nonce for n in heard}) == 1
    assert all(len(send.data) + 28 <= 576 for send in of(Send, effects))
    for notify in heard:
        assert xtr.acknowledges(notify) == []
    assert len(xtr.cache) == 60
    assert xtr.hears_of(100.0) == []
    assert world.store.subscriptions.held_by(XTR) == 60


def test_a_new_request_overwrites_what_was_held() -> None:
    world = registered()
    old = Xtr(world, rlocs=("198.51.100.7",))
    (first,) = old.hears(old.asks("10.1.0.0/16", nonce=50))
    new = Xtr(world, rlocs=("198.51.100.8",))
    new.subscribes("10.1.0.0/16", nonce=51)
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.9"))
    effects = world.pass_time(200.0)
    assert {s.destination.host for s in of(Send, effects)} == {"198.51.100.8"}
    assert first.nonce == 50
    assert len(world.store.subscriptions) == 1


def test_ipv6_subscribers_are_told_over_ipv6() -> None:
    world = registered()
    xtr = Xtr(world, rlocs=("2001:db8:9::1",), asker=Endpoint("2001:db8:9::1", 4342))
    effects = xtr.asks("10.1.0.0/16", to=SERVER_6)
    (send,) = of(Send, effects)
    assert (send.destination.host, send.source) == ("2001:db8:9::1", SERVER_6)
    assert xtr.hears(effects)


@pytest.mark.parametrize("algorithm_id", [2, 3])
def test_the_key_is_the_one_listed_for_the_xtr(algorithm_id: int) -> None:
    keys = (replace(PUBSUB.keys[0]), replace(PUBSUB.keys[1], algorithm_id=algorithm_id))
    world = registered(keys=keys, subscribers=(Subscriber(XTR, key_id=2), Subscriber(XTR_2)))
    xtr = Xtr(world, key=OTHER_KEY, key_id=2, algorithm_id=algorithm_id)
    xtr.subscribes("10.1.0.0/16")
    assert Xtr(world, xtr_id=XTR_2).subscribes("10.1.0.0/16").key_id == 1


# Replays


@pytest.mark.parametrize("nonce", [50, 49, 0])
def test_a_nonce_that_does_not_rise_is_dropped_in_silence(nonce: int) -> None:
    xtr = Xtr(registered())
    xtr.subscribes("10.1.0.0/16", nonce=50)
    changed = xtr.world.store.take_changes()[1]
    assert changed
    assert drop_reason(xtr.asks("10.1.0.0/16", nonce=nonce)) == "replayed"
    assert drop_reason(xtr.unsubscribes("10.1.0.0/16", nonce=nonce)) == "replayed"
    assert xtr.world.store.take_changes()[1] == b""


def test_a_replay_of_one_record_costs_the_whole_message() -> None:
    world = registered()
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.2"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16", nonce=50)
    assert drop_reason(xtr.asks("10.1.2.0/24", "10.1.0.0/16", nonce=50)) == "replayed"
    assert len(world.store.subscriptions) == 1


def test_nonces_are_compared_per_xtr_and_prefix() -> None:
    world = registered()
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.2"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16", nonce=50)
    xtr.subscribes("10.1.2.0/24", nonce=3)
    Xtr(world, xtr_id=XTR_2).subscribes("10.1.0.0/16", nonce=3)


def test_the_nonce_outlives_the_subscription_for_its_time() -> None:
    xtr = Xtr(registered(nonce_memory_seconds=3600.0))
    xtr.subscribes("10.1.0.0/16", nonce=50)
    for notify in xtr.hears(xtr.unsubscribes("10.1.0.0/16", nonce=60)):
        xtr.acknowledges(notify)
    assert drop_reason(xtr.asks("10.1.0.0/16", nonce=60)) == "replayed"
    xtr.world.pass_time(3599.0)
    xtr.world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    assert drop_reason(xtr.asks("10.1.0.0/16", nonce=60)) == "replayed"
    xtr.world.pass_time(2.0)
    assert len(xtr.world.store.subscriptions) == 0
    xtr.subscribes("10.1.0.0/16", nonce=60)


def test_a_nonce_with_no_room_above_it_gets_an_ordinary_answer() -> None:
    xtr = Xtr(registered())
    effects = xtr.asks("10.1.0.0/16", nonce=2**64 - 1)
    assert refusal(effects) == (2**64 - 1, [(PREFIX, 0, 1)])
    assert len(xtr.world.store.subscriptions) == 0


# What is no subscription


def test_an_n_bit_without_xtr_id_is_an_ordinary_question() -> None:
    xtr = Xtr(registered())
    effects = xtr.asks("10.1.2.3", xtr_id=None, site_id=None)
    assert refusal(effects)[1] == [(PREFIX, 0, 1)]
    assert len(xtr.world.store.subscriptions) == 0


def test_an_xtr_id_without_n_bit_is_an_ordinary_question() -> None:
    xtr = Xtr(registered())
    effects = xtr.asks("10.1.2.3", notify=[False])
    assert refusal(effects)[1] == [(PREFIX, 0, 1)]
    assert of(Send, effects)[0].repeat is Repeat.NONCE
    assert len(xtr.world.store.subscriptions) == 0


@pytest.mark.parametrize("missing", [24, 8, 1])
def test_an_i_bit_without_its_whole_trailer_is_malformed(missing: int) -> None:
    xtr = Xtr(registered())
    whole = decode(xtr.request("10.1.0.0/16", nonce=5))
    assert isinstance(whole, Ecm)
    request = whole.message
    assert isinstance(request, MapRequest)
    data = request.octets()[:-missing]
    assert drop_reason(xtr.world.hear(data, ITR)) == "truncated"


def test_without_settings_the_n_bit_is_ignored() -> None:
    world = World(replace(SUBSCRIBABLE, pubsub=None, known_xtrs=()))
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    assert refusal(xtr.asks("10.1.2.3"))[1] == [(PREFIX, 0, 1)]
    assert len(world.store.subscriptions) == 0


def test_what_etrs_answer_for_is_passed_on_to_them() -> None:
    world = subscribable()
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=False)
    effects = Xtr(world).asks("10.1.2.3")
    assert [o.outcome for o in of(Answered, effects)] == ["forward"]
    (send,) = of(Send, effects)
    assert send.destination == Endpoint("192.0.2.1", 4342)
    assert send.repeat is Repeat.NEVER
    assert len(world.store.subscriptions) == 0


def test_a_site_that_is_always_answered_for_can_be_subscribed_to() -> None:
    settings = replace(SUBSCRIBABLE, sites=(site_one(proxy_reply=ProxyReply.ALWAYS),))
    world = subscribable(settings)
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"), proxy_map_reply=False)
    Xtr(world).subscribes("10.1.0.0/16")


def test_a_request_without_a_usable_itr_rloc_gets_silence() -> None:
    xtr = Xtr(registered())
    for rlocs in ((ip_address("224.0.0.1"),), (NullBody(),), (NoAddress(), NoAddress())):
        assert drop_reason(xtr.asks("10.1.0.0/16", itr_rlocs=rlocs)) == "no-itr-rloc"
    assert len(xtr.world.store.subscriptions) == 0


# Who may


def is_denied(effects: list[object], eid: str = "10.1.0.0/16", action: int = 4) -> bool:
    return refusal(effects)[1] == [(EidPrefix.parse(eid), action, 0)]  # type: ignore[arg-type]


def test_an_xtr_that_nobody_vouches_for_is_denied_by_policy() -> None:
    world = registered()
    stranger = Xtr(world, xtr_id=bytes(16))
    effects = stranger.asks("10.1.0.0/16", nonce=9)
    assert is_denied(effects)
    (send,) = of(Send, effects)
    assert send.destination == Endpoint(ITR.host, ITR_PORT)
    assert send.repeat is Repeat.NEVER
    assert len(world.store.subscriptions) == 0


def test_a_map_resolver_vouches_for_site_id_and_locators_too() -> None:
    known = KnownXtr(
        XTR,
        site_id=b"sitesite",
        rlocs=(EidPrefix.parse("198.51.100.0/24"), EidPrefix.parse("2001:db8:9::/48")),
    )
    world = subscribable(replace(SUBSCRIBABLE, known_xtrs=(known,)))
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    good = Xtr(world, site_id=b"sitesite", rlocs=("198.51.100.1", "2001:db8:9::1"))
    assert is_denied(Xtr(world).asks("10.1.0.0/16"))
    assert is_denied(replace(good, rlocs=("198.51.100.1", "203.0.113.1")).asks("10.1.0.0/16"))
    assert is_denied(replace(good, xtr_id=XTR_2).asks("10.1.0.0/16"))
    assert is_denied(good.asks("10.1.0.0/16", itr_rlocs=(ip_address("198.51.100.1"), NullBody())))
    elsewhere = replace(good, asker=Endpoint("203.0.113.1", 4342))
    assert is_denied(elsewhere.asks("10.1.0.0/16"))
    good.subscribes("10.1.0.0/16")
    effects = replace(good, asker=Endpoint("203.0.113.1", 4342)).unsubscribes("10.1.0.0/16")
    assert is_denied(effects)
    assert of(Send, effects)[0].destination == Endpoint("203.0.113.1", ITR_PORT)
    assert good.hears(good.unsubscribes("10.1.0.0/16"))


def test_other_map_resolvers_are_trusted_where_listed() -> None:
    settings = replace(SUBSCRIBABLE, map_resolver=False, known_xtrs=())
    world = subscribable(settings, trusted_resolvers=(EidPrefix.parse("203.0.113.0/24"),))
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    assert is_denied(xtr.asks("10.1.0.0/16"))
    data = xtr.request("10.1.0.0/16", nonce=3000)
    effects = world.hear(data, Endpoint("203.0.113.5", 4342))
    xtr.outstanding.add(3000)
    assert xtr.hears(effects)


def test_policy_bounds_what_an_xtr_may_subscribe_to() -> None:
    allowed = (EidPrefix.parse("10.1.0.0/16"),)
    world = registered(subscribers=(Subscriber(XTR, allow=allowed),))
    xtr = Xtr(world)
    assert is_denied(xtr.asks("10.2.0.0/16"), "10.2.0.0/16")
    assert is_denied(xtr.unsubscribes("10.2.0.0/16"), "10.2.0.0/16")
    xtr.subscribes("10.1.0.0/16")


def test_without_a_key_authentication_fails() -> None:
    world = registered(default_key_id=None, subscribers=(Subscriber(XTR_2, key_id=1),))
    xtr = Xtr(world)
    assert is_denied(xtr.asks("10.1.0.0/16"), action=5)
    assert is_denied(xtr.unsubscribes("10.1.0.0/16"), action=5)
    assert len(world.store.subscriptions) == 0
    Xtr(world, xtr_id=XTR_2).subscribes("10.1.0.0/16")


def test_a_site_that_denies_everyone_denies_subscriptions() -> None:
    settings = replace(SUBSCRIBABLE, sites=(site_one(deny_action=3), site_two()))
    world = subscribable(settings)
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    assert is_denied(Xtr(world).asks("10.1.0.0/16"))


def test_a_resolver_clears_n_bits_that_it_does_not_vouch_for() -> None:
    settings = replace(
        SUBSCRIBABLE,
        pubsub=None,
        map_server=False,
        sites=(),
        authority=(EidPrefix.parse("192.0.2.0/24"),),
        map_servers=(Endpoint("192.0.2.77", 4342),),
        known_xtrs=(KnownXtr(XTR),),
    )
    world = World(settings)

    def passed_on(xtr: Xtr, nonce: int) -> tuple[bool, bytes]:
        (send,) = of(Send, xtr.asks("10.1.2.3", nonce=nonce))
        ecm = decode(send.data)
        assert isinstance(ecm, Ecm)
        assert isinstance(ecm.message, MapRequest)
        assert (ecm.message.nonce, ecm.message.xtr_id) == (nonce, xtr.xtr_id)
        return ecm.message.records[0].notification_requested, send.data

    known = Xtr(world)
    assert passed_on(known, 5) == (True, known.request("10.1.2.3", nonce=5))
    assert passed_on(Xtr(world, xtr_id=XTR_2), 6)[0] is False


# Unsubscribing


def test_removal_is_confirmed_to_where_it_came_from() -> None:
    xtr = Xtr(registered(), rlocs=("198.51.100.7",))
    xtr.subscribes("10.1.0.0/16", nonce=50)
    effects = xtr.unsubscribes("10.1.0.0/16", nonce=60)
    ((notify, send),) = notifies(effects)
    assert send.destination == Endpoint(ITR.host, 4342)
    assert notify.nonce == 60
    assert changes(effects) == [("10.1.0.0/16", "unsubscribed")]
    assert of(Answered, effects) == [Answered(PREFIX, "unsubscribed")]
    assert len(xtr.hears_of(4.0, acknowledges=False)) == 1
    assert xtr.acknowledges(notify) == []
    xtr.world.register(Etr(), record("10.1.0.0/16", "192.0.2.9"))
    assert xtr.hears_of(200.0) == []


def test_an_unacknowledged_removal_stays_a_removal() -> None:
    xtr = Xtr(registered())
    xtr.subscribes("10.1.0.0/16")
    xtr.unsubscribes("10.1.0.0/16")
    heard = xtr.hears_of(200.0, acknowledges=False)
    assert len(heard) == 6
    assert len({notify.authentication_data for notify in heard}) == 1


def test_removal_by_the_eid_that_was_asked_for_removes_the_subscription_it_made() -> None:
    xtr = Xtr(registered())
    xtr.subscribes("10.1.2.3", nonce=50)
    effects = xtr.unsubscribes("10.1.2.3", nonce=51)
    assert changes(effects) == [("10.1.0.0/16", "unsubscribed")]
    assert len(xtr.hears(effects)) == 1


def test_removing_what_is_not_there_is_confirmed_and_leaves_nothing() -> None:
    world = registered()
    xtr = Xtr(world)
    (notify,) = xtr.hears(xtr.unsubscribes("10.1.0.0/16", nonce=5))
    assert [str(r.eid_prefix) for r in notify.records] == ["10.1.0.0/16"]
    assert len(world.store.subscriptions) == 0


def test_removing_twice_raises_the_nonce() -> None:
    xtr = Xtr(registered())
    xtr.subscribes("10.1.0.0/16", nonce=50)
    xtr.unsubscribes("10.1.0.0/16", nonce=51)
    assert xtr.hears(xtr.unsubscribes("10.1.0.0/16", nonce=70))
    assert drop_reason(xtr.asks("10.1.0.0/16", nonce=70)) == "replayed"


def test_a_removal_for_somebody_elses_eid_is_passed_on() -> None:
    settings = replace(SUBSCRIBABLE, map_servers=(Endpoint("192.0.2.77", 4342),))
    world = subscribable(settings)
    effects = Xtr(world).unsubscribes("172.16.0.0/12")
    (send,) = of(Send, effects)
    assert send.destination == Endpoint("192.0.2.77", 4342)


def test_a_removal_in_no_packet_is_answered_to_its_sender() -> None:
    world = registered()
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16", nonce=50)
    ecm = decode(xtr.request("10.1.0.0/16", nonce=60, itr_rlocs=(NoAddress(),)))
    assert isinstance(ecm, Ecm)
    ((notify, send),) = notifies(world.hear(ecm.payload, Endpoint(ITR.host, 5555)))
    assert send.destination == Endpoint(ITR.host, 4342)
    assert notify.nonce == 60


def test_a_removal_for_several_is_confirmed_at_once() -> None:
    world = registered()
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.2"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16", nonce=50)
    xtr.subscribes("10.1.2.0/24", nonce=50)
    (notify,) = xtr.hears(xtr.unsubscribes("10.1.0.0/16", "10.1.2.0/24", nonce=60))
    assert [str(r.eid_prefix) for r in notify.records] == ["10.1.0.0/16", "10.1.2.0/24"]
    world.register(Etr(), record("10.1.2.0/24", "192.0.2.9"))
    assert xtr.hears_of(1.0, acknowledges=False) == []


# Silence


def silent_world() -> Xtr:
    """An xTR subscribed to 10.1.0.0/16 that wants not to hear of 10.1.2.0/24."""
    xtr = Xtr(registered())
    xtr.subscribes("10.1.0.0/16")
    effects = xtr.unsubscribes("10.1.2.0/24")
    assert changes(effects) == [("10.1.2.0/24", "silenced")]
    (notify,) = xtr.hears(effects)
    xtr.acknowledges(notify)
    return xtr


def test_removing_a_more_specific_without_state_silences_it() -> None:
    xtr = silent_world()
    for eid in ("10.1.2.0/24", "10.1.2.3/32", "10.1.3.0/24"):
        xtr.world.register(Etr(), record(eid, "192.0.2.2"))
    assert [str(n.records[0].eid_prefix) for n in xtr.hears_of(1.0)] == ["10.1.3.0/24"]


def test_subscribing_to_the_more_specific_ends_the_silence() -> None:
    xtr = silent_world()
    xtr.world.register(Etr(), record("10.1.2.0/24", "192.0.2.2"))
    xtr.world.pass_time(1.0)
    xtr.subscribes("10.1.2.0/24")
    xtr.world.register(Etr(), record("10.1.2.0/24", "192.0.2.3"))
    assert [str(n.records[0].eid_prefix) for n in xtr.hears_of(1.0)] == ["10.1.2.0/24"]


def test_asking_for_the_more_specific_ends_the_silence_while_it_is_not_registered() -> None:
    xtr = silent_world()
    notify = xtr.subscribes("10.1.2.0/24")
    assert [str(r.eid_prefix) for r in notify.records] == ["10.1.0.0/16"]
    xtr.world.register(Etr(), record("10.1.2.0/24", "192.0.2.3"))
    assert [str(n.records[0].eid_prefix) for n in xtr.hears_of(1.0)] == ["10.1.2.0/24"]


def test_silence_lasts_as_long_as_what_it_is_an_exception_from() -> None:
    world = subscribable(
        replace(SUBSCRIBABLE, lifetime_seconds=1_000_000), nonce_memory_seconds=3600.0
    )
    world.register(Etr(), record("10.1.0.0/16", "192.0.2.1"))
    xtr = Xtr(world)
    xtr.subscribes("10.1.0.0/16")
    for notify in xtr.hears(xtr.unsubscribes("10.1.2.0/24")):
        xtr.acknowledges(notify)
    held = xtr.world.store.subscriptions
    xtr.world.pass_time(5000.0)
    assert len(held) == 2
    for notify in xtr.hears(xtr.unsubscribes("10.1.0.0/16")):
        xtr.acknowledges(notify)
    xtr.world.pass_time(8000.0)
    assert len(held) == 0


def test_silence_can_be_asked_for_again() -> None:
    xtr = silent_world()
    assert changes(xtr.unsubscribes("10.1.2.0/24")) == [("10.1.2.0/24", "silenced")]
    assert len(xtr.world.store.subscriptions) == 2
