"""Nobody in: replayed, forged and overreaching Map-Registers, by the ten thousand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mapsys.core.effects import Datagram, Dropped, Effect, Endpoint, Refused
from mapsys.core.engine import Engine
from mapsys.core.site import EidRule, Replay
from mapsys.eid import EidPrefix, Family
from mapsys.net.journal import Journal
from mapsys.store_pure import PureStore
from mapsys.wire.auth import ALGORITHMS, Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord
from tests.core.world import SERVER, Etr, World, record, rloc, site, site_one
from tests.figures.record import scaled, wanted

REPLAYS, FORGERIES, CLAIMS = 10_000, 50_000, 50_000
ELSEWHERE = Endpoint("203.0.113.66", 4342)

XTR_IDS = tuple(bytes((number,)) * 16 for number in range(1, 31))
"""Few enough that the long run, too, stays below the xTRs that an EID-Prefix may have."""


def is_accepted(effects: list[Effect]) -> bool:
    return not any(isinstance(effect, Dropped | Refused) for effect in effects)


@pytest.mark.timeout(300 * scaled(1))
def test_replayed_registers_are_refused_also_after_a_restart(tmp_path: Path) -> None:
    count = scaled(REPLAYS) // 2
    strict = (site_one(replay=Replay.STRICT),)
    world = World(sites=strict)
    etrs = [Etr(f"192.0.2.{n}", xtr_id=bytes([n]) * 16, algorithm_id=1 + n % 3) for n in (1, 2, 3)]
    for etr in etrs:
        etr.mac_length = ALGORITHMS[etr.algorithm_id].mac_lengths[1]
    captured = []
    for n in range(300):
        etr = etrs[n % 3]
        data = etr.message(record(f"10.1.{n % 50}.0/24", etr.host), nonce=n + 1)
        assert is_accepted(world.hear(data, Endpoint(etr.host, 4342)))
        captured.append((data, Endpoint(etr.host, 4342)))
    rng = random.Random(7835)
    accepted = 0
    journal = Journal.open(tmp_path, now=world.now, wall=0.0)
    journal.commit(world.store.take_changes()[1], now=world.now, wall=0.0)
    journal.close()
    journal = Journal.open(tmp_path, now=0.0, wall=1.0)
    store = PureStore()
    journal.load_into(store)
    journal.close()
    restarted = Engine(store, world.engine.settings, lambda: 1)
    for engine, now in ((world.engine, world.now), (restarted, 0.5)):
        for _ in range(count):
            data, source = rng.choice(captured)
            source = rng.choice((source, ELSEWHERE))
            accepted += is_accepted(engine.handle(Datagram(data, source, SERVER), now))
    wanted("replayed registers accepted (strict), also after restart", accepted, 0, 2 * count)
    assert accepted == 0
    fresh = etrs[0].message(record("10.1.0.0/24", etrs[0].host), nonce=1000)
    source = Endpoint(etrs[0].host, 4342)
    assert is_accepted(restarted.handle(Datagram(fresh, source, SERVER), 0.5))


def forgeries(rng: random.Random, data: bytes) -> list[bytes]:
    """One Map-Register made wrong in every way: each bit, each length, each algorithm."""
    bits = [
        data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        for at in range(len(data))
        for bit in range(8)
    ]
    cut = [data[:length] for length in range(len(data))]
    swapped = [data[:13] + bytes([a]) + data[14:] for a in range(256) if a != data[13]]
    mac_end = 16 + int.from_bytes(data[14:16], "big")
    zero = [
        data[:16] + bytes(n) + rng.randbytes(mac_end - 16 - n) + data[mac_end:]
        for n in range(1, mac_end - 16)
    ]
    shorter = [
        data[:14] + n.to_bytes(2, "big") + data[16 : 16 + n] + data[mac_end:]
        for n in range(mac_end - 16)
    ]
    return bits + cut + swapped + zero + shorter


@pytest.mark.timeout(300 * scaled(1))
def test_forged_registers_are_refused() -> None:
    rng = random.Random(9301)
    world = World()
    tried = accepted = 0
    zero_first = 0
    nonce = 0
    while tried < scaled(FORGERIES):
        nonce += 1
        algorithm = rng.choice((1, 2, 3))
        etr = Etr(algorithm_id=algorithm, mac_length=rng.choice(ALGORITHMS[algorithm].mac_lengths))
        etr.xtr_id = rng.choice((None, bytes(16), *XTR_IDS))
        data = etr.message(record("10.1.0.0/16", "192.0.2.1"), nonce=nonce)
        if nonce % 5 == 0:  # one whose MAC begins with a zero octet
            while data[16]:
                nonce += 1
                data = etr.message(record("10.1.0.0/16", "192.0.2.1"), nonce=nonce)
            zero_first += 1
        for forged in forgeries(rng, data):
            if forged != data:
                tried += 1
                accepted += is_accepted(world.hear(forged, Endpoint("192.0.2.1", 4342)))
        assert is_accepted(world.hear(data, Endpoint("192.0.2.1", 4342))), "the true one is"
    wanted("forged registers accepted", accepted, 0, tried)
    assert zero_first > 1
    assert accepted == 0


def random_prefix(rng: random.Random, near: list[EidPrefix]) -> EidPrefix:
    """Close to what is configured, where the rules bite, or anywhere."""
    instance_id = rng.choice((0, 0, 7))
    if near and rng.random() < 0.8:
        base = rng.choice(near)
        length = max(0, min(32, base.length + rng.choice((-2, -1, 0, 0, 1, 3, 9))))
        address = base.network ^ (rng.getrandbits(32) >> rng.choice((32, base.length, 8)))
        return EidPrefix.masked(
            rng.choice((base.instance_id, instance_id)), base.family, address, length
        )
    return EidPrefix.masked(instance_id, Family.IPV4, rng.getrandbits(32), rng.randint(0, 32))


def may(prefixes: dict[EidPrefix, tuple[int, bool]], claimed: EidPrefix, who: int) -> bool:
    """By a look at every configured prefix, as texts of bits."""

    def text(prefix: EidPrefix) -> str:
        return f"{prefix.network:032b}"[: prefix.length]

    around = [
        (prefix.length, held)
        for prefix, held in prefixes.items()
        if prefix.instance_id == claimed.instance_id and text(claimed).startswith(text(prefix))
    ]
    if not around:
        return False
    length, (owner, more) = max(around)
    return owner == who and (more or length == claimed.length)


@pytest.mark.timeout(300 * scaled(1))
def test_nothing_is_accepted_outside_a_sites_own_allowance() -> None:
    rng = random.Random(8060)
    tried = outside = wrongly_refused = inside = 0
    keys = [Key(b"key %d" % n) for n in range(6)]
    while tried < scaled(CLAIMS):
        prefixes: dict[EidPrefix, tuple[int, bool]] = {}
        for _ in range(rng.randint(1, 14)):
            prefix = random_prefix(rng, list(prefixes))
            prefixes[prefix] = (rng.randrange(len(keys)), rng.random() < 0.6)
        sites = []
        for number, key in enumerate(keys):
            rules = tuple(EidRule(p, more) for p, (n, more) in prefixes.items() if n == number)
            plain = site(f"s{number}", key)
            sites.append(type(plain)(plain.name, plain.keys, rules, replay=Replay.OFF))
        world = World(sites=tuple(sites))
        near = list(prefixes)
        for _ in range(250):
            who = rng.randrange(len(keys))
            claimed = [random_prefix(rng, near) for _ in range(rng.choice((1, 1, 2, 3)))]
            if rng.random() < 0.2:
                claimed, who = [rng.choice(near)], prefixes[near[0]][0]
            records = []
            for one in dict.fromkeys(claimed):
                address, length = from_eid_prefix(one)
                records.append(EidRecord(15, address, length, (rloc("192.0.2.1"),)))
            tried += 1
            allowed = all(may(prefixes, one, who) for one in claimed)
            accepted = is_accepted(world.register(Etr(key=keys[who]), *records))
            outside += accepted and not allowed
            wrongly_refused += allowed and not accepted
            inside += allowed
    wanted("accepted outside a site's own allowance", outside, 0, tried)
    assert outside == 0
    assert wrongly_refused == 0
    assert inside > tried // 40
