"""A datapath that repeats answers says on the wire what the core alone would say."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mapsys.core.effects import Endpoint, Send
from mapsys.core.engine import Engine
from mapsys.core.limiter import Limits, Rate
from mapsys.core.settings import Settings
from mapsys.core.site import EidRule, LispSite, Replay, SiteKey
from mapsys.datapath.contract import Datapath
from mapsys.datapath.counters import Counters
from mapsys.datapath.pure import PureDatapath
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.records import EidRecord, RlocRecord
from tests.datapath.bench import FACTORIES, Bench

KEY = Key(b"a laboratory secret")
STEPS = 600
SECONDS_A_STEP = 0.25
PREFIXES = ("198.18.1.0/24", "198.18.1.1/32", "198.18.1.128/25", "2001:db8:e001::/48")
ASKED = ("198.18.1.1", "198.18.1.2", "198.18.1.200", "198.18.9.9", "2001:db8:e001::1", "2001:db8::")
INNER_DESTINATION = {"192.0.2.9": "198.18.1.1", "127.0.0.1": "198.18.1.1", "::1": "2001:db8::1"}

SITE = LispSite(
    "site-one",
    (SiteKey(1, frozenset((1, 2, 3)), KEY),),
    (
        EidRule(EidPrefix.parse("198.18.1.0/24"), accept_more_specifics=True),
        EidRule(EidPrefix.parse("2001:db8:e001::/48"), accept_more_specifics=True),
    ),
    notify_to_source=True,
    replay=Replay.STRICT,
)


class Server:
    """An engine over a datapath, and the one xTR that talks to it."""

    def __init__(self, make: Callable[[Store], Datapath], limits: Limits) -> None:
        self.bench = Bench(make)
        nonces = random.Random(1)
        settings = Settings(
            (SITE,),
            (self.bench.address,),
            authority=(EidPrefix.parse("198.18.0.0/16"),),
            limits=limits,
        )
        self.engine = Engine(self.bench.store, settings, lambda: nonces.getrandbits(64))
        self.xtr = self.bench.peer()
        self.effects = Counters()

    def exchange(self, data: bytes, now: float) -> list[bytes]:
        """What comes back for a message, with everything that was due before it."""
        datapath = self.bench.datapath
        expired = self.engine.expire(now)
        datapath.send([effect for effect in expired if isinstance(effect, Send)])
        self.effects.fold(expired)
        self.xtr.send(data, self.bench.address)
        for punt in self.bench.run(now):
            effects = self.engine.handle(punt, now)
            datapath.learn(punt, effects)
            datapath.send([effect for effect in effects if isinstance(effect, Send)])
            self.effects.fold(effects)
        self.effects.fold(datapath.take_effects())
        datapath.release(datapath.marks()[0])
        heard = []
        while not self.xtr.is_quiet():
            heard.append(self.xtr.receive()[0])
        return heard


class Story:
    """A random course of messages; the same one for each server, but for the ports."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._nonce = 1

    def step(self) -> Callable[[Endpoint], bytes]:
        """The next message, once the port it is sent from is known."""
        self._nonce += self._random.choice((1, 1, 1, 1, 0))
        if self._random.random() < 0.4:
            return self._register(self._nonce)
        return self._request(self._random.getrandbits(64))

    def _register(self, nonce: int) -> Callable[[Endpoint], bytes]:
        choose = self._random
        prefix = EidPrefix.parse(choose.choice(PREFIXES))
        address, mask_len = from_eid_prefix(prefix)
        rloc = ip_address(choose.choice(("127.0.0.1",) * 9 + ("127.0.0.3",)))
        record = EidRecord(
            0 if choose.random() < 0.03 else 60,
            address,
            mask_len,
            (RlocRecord(rloc, 1, 100, 255, 0),),
        )
        octets = MapRegister(
            nonce,
            1,
            choose.choice((2, 2, 3)),
            bytes(16),
            (record,),
            proxy_map_reply=choose.random() < 0.95,
            want_map_notify=True,
        ).octets()
        signed = bytearray(KEY.sign(octets))
        if choose.random() < 0.05:
            signed[choose.randrange(4, len(signed))] ^= 1
        return lambda _: bytes(signed)

    def _request(self, nonce: int) -> Callable[[Endpoint], bytes]:
        choose = self._random
        eid, mask_len = from_eid_prefix(EidPrefix.parse(choose.choice(ASKED)))
        rloc = ip_address("127.0.0.1")
        octets = MapRequest(nonce, rloc, (rloc,), (MapRequestRecord(eid, mask_len),)).octets()
        if choose.random() < 0.3:
            return lambda _: octets
        source, destination = choose.choice([*INNER_DESTINATION.items()])
        damaged_at = choose.randrange(4, 60) if choose.random() < 0.05 else None

        def encapsulate(xtr: Endpoint) -> bytes:
            packet = build_ip_udp(source, destination, xtr.port, 4342, octets)
            data = bytearray(Ecm(packet).octets())
            if damaged_at is not None:
                data[damaged_at] ^= 1
            return bytes(data)

        return encapsulate


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
@pytest.mark.parametrize(
    "limits", [Limits.off(), Limits(Rate(2, 5), Rate(3, 6), Rate(1, 3), Rate(2, 8))]
)
@pytest.mark.parametrize("seed", range(2))
def test_every_answer_is_the_cores(
    seed: int, limits: Limits, factory: Callable[[Store], Datapath]
) -> None:
    repeating = Server(factory, limits)
    plain = Server(lambda store: PureDatapath(store, answers_limit=0), limits)
    story = Story(seed)
    try:
        for number in range(STEPS):
            message = story.step()
            now = number * SECONDS_A_STEP
            said, expected = (
                server.exchange(message(server.xtr.address), now) for server in (repeating, plain)
            )
            assert said == expected, f"step {number}"
        assert repeating.effects.totals() == plain.effects.totals()
        counters = repeating.bench.datapath.counters()
        assert counters["repeated.request"] > 20
        assert counters["repeated.refresh"] > 10
    finally:
        repeating.bench.close()
        plain.bench.close()
