"""No answer floods a third party: three octets for one, one datagram for one, and small bursts."""

from __future__ import annotations

import random
from array import array

import pytest

from mapsys.core.amplification import FIRST_BURST_OCTETS, PROVEN_SECONDS, Unproven
from mapsys.core.effects import Datagram, Endpoint, Send
from mapsys.core.limiter import UNLIMITED, Budgets, Limits, Rate, TokenBuckets
from mapsys.core.slots import KeyedHash, Slots
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from tests.core.world import ITR, SERVER, Etr, World, map_request_in_ecm, of, record, rloc

PORT = 4342
VICTIM = "203.0.113.9"
LARGE = record("10.1.0.0/16", *(rloc(f"2001:db8:{number:x}::1") for number in range(32)))
"""32 IPv6 locators: 806 octets."""

WITHOUT_PREFIX_BUDGET = Limits(replies_per_prefix=None)


def large_world(**changes: object) -> World:
    world = World(**{"limits": WITHOUT_PREFIX_BUDGET, "path_mtu": 1500, **changes})
    assert of(Send, world.register(Etr(), LARGE))
    return world


def spoofed(world: World, host: str, number: int) -> tuple[int, list[Send]]:
    """One Map-Request in the name of a host: octets in, and what goes out to it."""
    data = map_request_in_ecm("10.1.2.3", nonce=number, itr_rlocs=(ip_address(host),))
    sends = of(Send, world.hear(data, Endpoint(host, PORT)))
    assert all(send.destination.host == host for send in sends)
    return len(data), sends


def test_beyond_its_first_burst_a_victim_gets_three_octets_for_one() -> None:
    world = large_world()
    octets_in = octets_out = packets = 0
    for number in range(2_000):
        received, sends = spoofed(world, VICTIM, number)
        octets_in += received
        packets += len(sends)
        octets_out += sum(len(send.data) for send in sends)
        world.now += 0.001
    assert packets <= 2_000
    assert octets_out - FIRST_BURST_OCTETS <= 3 * octets_in
    assert octets_out > 2 * octets_in, "an honest asker would starve"


def test_all_first_bursts_together_come_out_of_one_pool() -> None:
    world = large_world(limits=Limits(replies_per_prefix=None, requests_per_network=None))
    octets_in = octets_out = 0
    began = world.now
    for number in range(5_000):
        received, sends = spoofed(world, f"203.{number >> 8}.{number & 255}.9", number)
        octets_in += received
        octets_out += sum(len(send.data) for send in sends)
        world.now += 0.0004
    allowance = 65_536 + 65_536 * (world.now - began)
    assert octets_out <= allowance + 3 * octets_in


def test_a_repeated_answer_is_bounded_like_the_first() -> None:
    world = large_world()
    octets_in, (send,) = spoofed(world, VICTIM, 1)
    assert send.admit is not None
    sent = sum(send.admit(world.now) for _ in range(300))
    assert sent * len(send.data) <= 300 * 3 * octets_in + FIRST_BURST_OCTETS
    assert sent >= 65


def test_one_request_for_many_etrs_is_passed_on_once_beyond_the_burst() -> None:
    world = World(limits=WITHOUT_PREFIX_BUDGET)
    eids = [f"10.1.{number}.0/24" for number in range(60)]
    for number, eid in enumerate(eids):
        at = record(eid, f"198.18.{number}.1")
        assert of(Send, world.register(Etr(host="192.0.2.77"), at, proxy_map_reply=False))
    request = map_request_in_ecm(*eids)
    burst = 0
    for _ in range(60):  # until the first bursts are gone
        burst += len(of(Send, world.hear(request, ITR)))
    (send,) = of(Send, world.hear(request, ITR))
    assert burst * len(send.data) <= 65_536 + 60 * len(send.data)


def test_an_xtr_that_registers_is_answered_in_full_until_it_falls_silent() -> None:
    world = large_world()
    assert sum(len(spoofed(world, Etr().host, number)[1]) for number in range(50)) < 50
    world.register(Etr(nonces=iter(range(100, 200))), LARGE)
    etr = Etr(host="192.0.2.200", nonces=iter(range(300, 400)))
    world.register(etr, record("10.1.9.0/24", etr.host))
    assert all(spoofed(world, etr.host, number)[1] for number in range(50))
    world.now += PROVEN_SECONDS + 1
    world.register(Etr(nonces=iter(range(500, 600))), LARGE)
    assert not all(spoofed(world, etr.host, number)[1] for number in range(50))


def test_a_copy_sent_from_elsewhere_proves_nothing() -> None:
    world = large_world()
    copy = Etr().message(LARGE)
    assert of(Send, world.hear(copy, Endpoint(VICTIM, PORT)))
    assert not all(spoofed(world, VICTIM, number)[1] for number in range(50))


def test_a_trusted_requester_is_answered_in_full() -> None:
    world = large_world(trusted_requesters=(EidPrefix.parse("203.0.113.0/24"),))
    assert all(spoofed(world, VICTIM, number)[1] for number in range(500))
    assert not all(spoofed(world, "203.0.114.9", number)[1] for number in range(500))


@pytest.mark.parametrize("per_second", [1, 10, 100])
def test_an_itr_at_its_usual_rate_is_untouched(per_second: int) -> None:
    world = World(limits=Limits())
    for number in range(200):
        world.register(Etr(), record(f"10.1.{number}.0/24", "192.0.2.1", "2001:db8::1"))
    for number in range(per_second * 20):
        asked = world.ask(f"10.1.{number * 7 % 200}.{number % 250}", nonce=number)
        assert of(Send, asked), f"request {number} at {per_second}/s got silence"
        world.now += 1 / per_second


def test_a_reload_gives_nobody_a_burst_back() -> None:
    world = large_world()
    while spoofed(world, VICTIM, 1)[1]:
        pass
    world.engine.reconfigure(world.engine.settings, world.now)
    assert not spoofed(world, VICTIM, 2)[1]
    assert world.engine.budgets_refused()["first-bursts"] == 2


# Tables


def test_a_flood_of_addresses_wins_no_token_back() -> None:
    buckets = TokenBuckets(Rate(1, 5), table_size=64)
    spent = [buckets.take("the one", 0.0) for _ in range(6)]
    assert spent == [True] * 5 + [False]
    for number in range(10_000):
        buckets.take(f"another {number}", 0.0)
    assert len(buckets) == 64
    assert not buckets.take("the one", 0.0)


@pytest.mark.parametrize("rate", [Rate(2, 5), Rate(0.3, 1.5), Rate(5, 0.5), UNLIMITED, None])
def test_the_short_way_to_a_token_gives_the_verdicts_of_the_long_one(rate: Rate | None) -> None:
    """Few slots, many keys, pauses of every length: also what is left in the table is the same."""
    choice = random.Random(4342)
    short, long = TokenBuckets(rate, table_size=16), TokenBuckets(rate, table_size=16)
    now, verdicts = 0.0, []
    for _ in range(5_000):
        now += choice.choice((0.0, 0.0, 0.01, 0.4, 30.0))
        key = choice.randrange(1, choice.choice((4, 60)))
        verdicts.append(short.take_token(key, now))
        assert verdicts[-1] == long.take(key, now)
    assert (short.refused, short.shared()) == (long.refused, long.shared())
    assert any(verdicts) != (rate == Rate(5, 0.5))
    assert all(verdicts) == (rate in (None, UNLIMITED))


def test_a_full_table_gives_no_further_first_bursts() -> None:
    drawn: list[float] = []

    def draw(octets: float, _now: float) -> bool:
        drawn.append(octets)
        return True

    unproven = Unproven(draw, size=8)
    granted = sum(unproven.allow(number, 10, 1_000, 0.0) for number in range(1, 1_000))
    assert granted <= 8
    assert sum(drawn) <= 8 * FIRST_BURST_OCTETS


def test_what_is_saved_pays_for_no_second_datagram_of_one_request() -> None:
    unproven = Unproven(lambda _octets, _now: False, size=8)
    assert unproven.allow(1, 100, 100, 0.0)
    assert not unproven.allow(1, 0, 100, 0.0)
    assert unproven.allow(1, 1, 100, 0.0), "it is still there for the next request"


def test_fingerprints_depend_on_the_key_alone() -> None:
    assert KeyedHash(b"one")(b"x") == KeyedHash(b"one")(b"x") != KeyedHash(b"two")(b"x")


def test_a_slot_is_found_while_it_is_not_taken_over() -> None:
    slots, choice = Slots(4), random.Random(1)
    weights = array("d", [0.0]) * slots.size
    held = [choice.getrandbits(64) | 1 for _ in range(4)]
    for number, fingerprint in enumerate(held):
        weights[slots.claim(fingerprint, weights)] = number + 1.0
    assert sorted(map(slots.find, held)) == [0, 1, 2, 3]
    slots.claim(1, weights)
    assert slots.find(held[0]) == -1


# Map-Registers of unknown senders


def forged(number: int) -> bytes:
    octets = bytearray(Etr().message(record("10.1.0.0/16", "192.0.2.1"), nonce=number))
    octets[20] ^= 1
    return bytes(octets)


def test_forgeries_use_up_their_own_budget_and_no_sites() -> None:
    world = World(limits=Limits())
    reasons = [
        effect.reason  # type: ignore[union-attr]
        for number in range(150)
        for effect in world.hear(forged(number), Endpoint(VICTIM, PORT))
    ]
    assert reasons == ["authentication-failed"] * 100 + ["rate-limited"] * 50
    assert of(Send, world.register(Etr(), record("10.1.0.0/16", "192.0.2.1")))
    refused = world.engine.budgets_refused()
    assert refused == {"unproven-registers-per-source": 50}


def test_forgeries_in_the_name_of_a_site_do_not_keep_it_out() -> None:
    world = World(limits=Limits())
    etr = Etr(nonces=iter(range(10_000, 20_000)))
    assert of(Send, world.register(etr, record("10.1.0.0/16", etr.host)))
    for number in range(1_000):
        world.hear(forged(number), Endpoint(etr.host, PORT))
    assert of(Send, world.register(etr, record("10.1.0.0/16", etr.host)))


def test_requests_and_registers_do_not_starve_each_other() -> None:
    world = World(limits=Limits(requests_per_source=Rate(1, 5)))
    etr = Etr(host=ITR.host)
    for number in range(50):
        world.ask("10.9.1.1", nonce=number)
    assert of(Send, world.register(etr, record("10.1.0.0/16", ITR.host)))
    for number in range(500):
        world.hear(forged(number), Endpoint("198.51.100.77", PORT))
    request = map_request_in_ecm("10.1.2.3", itr_rlocs=(ip_address("198.51.100.77"),))
    datagram = Datagram(request, Endpoint("198.51.100.77", PORT), SERVER)
    assert of(Send, world.engine.handle(datagram, world.now))


def test_a_network_shares_a_budget() -> None:
    limits = Limits(requests_per_source=None, requests_per_network=Rate(1, 10))
    budgets = Budgets(limits)
    hosts = [budgets.host(f"192.0.2.{number}") for number in range(1, 21)]
    assert sum(budgets.take_request(host, 0.0) for host in hosts) == 10
    assert budgets.take_request(budgets.host("192.0.3.1"), 0.0)
    six = [budgets.host(f"2001:db8::{number:x}:0:0:1") for number in range(1, 21)]
    assert sum(budgets.take_request(host, 0.0) for host in six) == 10
    assert budgets.take_request(budgets.host("2001:db8:0:100::1"), 0.0)


def test_one_call_asks_all_budgets_of_a_reply() -> None:
    budgets = Budgets(Limits(replies_per_destination=Rate(1, 3)))
    assert [budgets.allow(ITR.host, VICTIM, 100, 100, 0.0) for _ in range(4)] == [True] * 3 + [
        False
    ]
