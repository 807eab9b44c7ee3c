"""Map-Registers taken in without the core: the same answers, state, history and counters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Limits, Rate
from mapsys.core.settings import Settings
from mapsys.core.site import EidRule, LispSite, Replay, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.address import Ipv4, Ipv6, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import EidRecord, RlocRecord
from tests.native.servers import Peers, Server, native
from tests.native.test_differential import alike, all_engines, by_peer

SECRET = Key(b"a laboratory secret")
WHOLE = {"a": ("10.1.0.0/16", "2001:db8::/32", "[7]10.1.0.0/16"), "b": ("10.2.0.0/16",)}
GROUPS = (
    *([f"10.1.{n}.0/24"] for n in range(6)),
    ["10.1.8.0/24", "10.1.9.0/24", "10.1.10.128/25"],
    ["2001:db8::/48"],
    ["2001:db8:1::/48", "2001:db8:2::/64", "10.1.11.1/32"],
    ["[7]10.1.0.128/25"],
    ["[7]10.1.1.0/24", "10.1.12.0/22"],
)  # fmt: skip
LOCATORS = ("192.0.2.1", "192.0.2.2", "2001:db8:ffff::1", "127.0.0.1", "127.0.0.2")


def site(name: str, replay: Replay, limit: int) -> LispSite:
    """b accepts no more-specifics."""
    rules = [
        EidRule(EidPrefix.parse(text), name == "a", limit, limit - 1 or None)
        for text in WHOLE[name]
    ]
    key = SiteKey(1, frozenset((1, 2, 3)), SECRET)
    return LispSite(name, (key,), tuple(rules), notify_to_source=True, replay=replay)


@st.composite
def configurations(draw: st.DrawFn) -> Settings:
    replay, limit = draw(st.sampled_from(Replay)), draw(st.sampled_from((6, 100)))
    limits = draw(st.sampled_from((Limits.off(), Limits(), Limits(registers_per_site=Rate(2, 9)))))
    return Settings((site("a", replay, limit), site("b", replay, limit)), (), limits=limits)


class Traffic:
    """Map-Registers of which one turn has no EID-Prefix twice, and none inside another.

    Mostly plain ones, each group of EID-Prefixes from an xTR of its own; some turns have
    whatever else there may be among them.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._nonce = 0
        self._is_odd = False

    def turn(self) -> list[bytes]:
        choose = self._random
        self._is_odd = choose.random() < 0.25
        if self._is_odd and choose.random() < 0.3:
            name = choose.choice("ab")
            return [self._register([choose.choice(WHOLE[name])])]
        messages = [
            self._register(group) for group in choose.sample(GROUPS, choose.randint(1, len(GROUPS)))
        ]
        if choose.random() < 0.3:
            messages.append(self._register(["10.2.0.0/16"]))
        elif self._rarely(0.5):
            messages.append(self._register(["10.2.1.0/24"]))
        return messages

    def _rarely(self, chance: float) -> bool:
        return self._is_odd and self._random.random() < chance

    def _register(self, prefixes: list[str]) -> bytes:
        """Each xTR has its nonces to itself: which of a turn comes first is not the same."""
        choose = self._random
        self._nonce += 1
        xtr = "another" if self._rarely(0.1) else prefixes[0]
        algorithm_id = choose.choice((1, 3)) if self._rarely(0.2) else 2
        register = MapRegister(
            1 if self._rarely(0.2) else self._nonce,
            1,
            algorithm_id,
            bytes(12 if algorithm_id == 1 else 16),
            tuple(map(self._record, prefixes)),
            proxy_map_reply=choose.random() < 0.8,
            merge_request=self._rarely(0.2),
            use_ttl_for_timeout=self._rarely(0.2),
            want_map_notify=not self._rarely(0.2),
            xtr_id=xtr.encode().ljust(16, b"\0"),
            site_id=bytes(8),
        )
        signed = bytearray(SECRET.sign(register.octets()))
        if self._rarely(0.1):
            signed[choose.randrange(len(signed))] ^= 1 << choose.randrange(8)
        return bytes(signed)

    def _record(self, text: str) -> EidRecord:
        choose = self._random
        prefix = EidPrefix.parse(text)
        address, mask_len = from_eid_prefix(prefix)
        if isinstance(address, Ipv4 | Ipv6) and choose.random() < 0.2:
            address = type(address)(address.packed[:-1] + b"\5")  # host bits
        as_ever = choose.random() < 0.5
        hosts = LOCATORS[:2] if as_ever else choose.choices(LOCATORS, k=choose.choice((1, 2, 2, 3)))
        locators = [
            RlocRecord(
                ip_address(host),
                1 if as_ever else choose.choice((1, 2)),
                50,
                255,
                0,
                local=choose.random() < 0.5,
                probed=choose.random() < 0.2,
                reachable=as_ever or choose.random() < 0.9,
            )
            for host in (*hosts, *(["224.0.0.1"] if self._rarely(0.1) else []))
        ]
        return EidRecord(
            0 if self._rarely(0.2) else 60,
            address,
            mask_len,
            () if self._rarely(0.1) else tuple(locators),
            choose.choice((0, 0, 0, 2)),
            choose.random() < 0.3,
            5 if self._rarely(0.1) else 0,
        )


def noted(server: Server) -> dict[str, object]:
    """What the core keeps beside the registrations: histories, more-specifics, uses of keys."""
    rows = server.store.history
    known = {text for texts in (*GROUPS, *WHOLE.values()) for text in texts}
    prefixes = map(EidPrefix.parse, sorted(known))
    histories = {str(eid): [one.facts for one in rows.of(eid)] for eid in prefixes}
    uses = {name: server.engine.key_uses.of(name) for name in WHOLE}
    held = {text: server.engine.more_specifics_held(EidPrefix.parse(text)) for text in WHOLE["a"]}
    return {"histories": histories, "uses": uses, "held": held}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(configurations(), st.integers(0, 2**32))
def test_all_engines_take_in_the_same(told: Settings, seed: int) -> None:
    peers = Peers([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)])
    traffic, choose, now = Traffic(seed), random.Random(seed), 0.0
    with all_engines(told, peers) as servers:
        for step in range(40):
            now += choose.choice((0.01, 0.25, 5.0, 50.0, 400.0))
            messages, sender = traffic.turn(), choose.choice((0, 0, 0, 1))
            said = []
            for server in servers:
                server.pass_time(now)
                peers.send(sender, messages, server.address)
                server.turn(now)
                server.commit(1)
                said.append(by_peer(peers.heard()))
            assert said == said[:1] * len(said), f"step {step}"
            counted = [noted(server) for server in servers]
            assert counted == counted[:1] * len(counted), f"step {step}"
        alike(servers, "at the end")


class Node:
    """A native server with one xTR; tells what its core had to look at."""

    def __init__(self) -> None:
        self._peers = Peers([Endpoint("127.0.0.1", 0)])
        self.server = Server(native, Settings((site("a", Replay.AUTO, 100),), ()))
        self._nonce = 0

    def register(self, text: str, *, rloc: str = "127.0.0.1", **flags: bool) -> bool:
        """Whether the core had to look; what is acknowledged is, either way."""
        self._nonce += 1
        locators = (RlocRecord(ip_address(rloc), 1, 1, 255, 0),)
        record = EidRecord(60, *from_eid_prefix(EidPrefix.parse(text)), locators)
        flags = {"want_map_notify": True, **flags}
        register = MapRegister(self._nonce, 1, 2, bytes(16), (record,), **flags)  # type: ignore[arg-type]
        before = self.server.datapath.counters().get("punted", 0)
        self._peers.send(0, [SECRET.sign(register.octets())], self.server.address)
        self.server.turn(1.0)
        self.server.commit(1)
        assert len(self._peers.heard()) == flags["want_map_notify"]
        return self.server.datapath.counters().get("punted", 0) > before

    def close(self) -> None:
        self.server.close()
        self._peers.close()


@pytest.fixture
def node() -> Iterator[Node]:
    """It has taken in one Map-Register of the site."""
    made = Node()
    assert made.register("10.1.1.0/24")
    yield made
    made.close()


def test_new_changed_and_equal_registrations_need_no_core(node: Node) -> None:
    assert node.register("10.1.2.0/24", rloc="127.0.0.2"), "a locator the core has not seen"
    for _ in range(2):
        assert not node.register("10.1.3.0/24")
        assert not node.register("10.1.3.0/24", rloc="127.0.0.2")
    assert not node.register("10.1.3.0/24", rloc="127.0.0.2")
    assert node.register("[7]10.1.3.0/24"), "another configured EID-Prefix"
    assert not node.register("[7]10.1.4.0/24")


@pytest.mark.parametrize("flag", ["merge_request", "want_map_notify", "proxy_map_reply"])
def test_other_flags_are_learned_by_themselves(node: Node, flag: str) -> None:
    differently: dict[str, Any] = {flag: flag != "want_map_notify"}
    assert node.register("10.1.2.0/24", **differently)
    assert node.register("10.1.3.0/24", **differently) == (flag == "want_map_notify")


def test_a_subscription_has_the_core_look_at_every_change(node: Node) -> None:
    """Whoever subscribed is told of what changes, and that is the core's business."""
    assert not node.register("10.1.2.0/24")
    subscriptions = node.server.store.subscriptions
    eid = EidPrefix.parse("10.1.0.0/16")
    subscriptions.put(eid, bytes(16), nonce=1, deadline=100.0, details=b"")
    assert node.register("10.1.3.0/24")
    subscriptions.remove(eid, bytes(16))
    assert not node.register("10.1.4.0/24")


def test_nothing_is_taken_in_while_the_journal_does_not_write(node: Node) -> None:
    node.server.engine.set_writable(False)
    with pytest.raises(AssertionError):
        node.register("10.1.2.0/24")
    assert len(node.server.store) == 1


def test_what_a_reload_takes_away_is_not_taken_in(node: Node) -> None:
    told = Settings((site("b", Replay.AUTO, 100),), ())
    node.server.reconfigure(told, 1.0)
    with pytest.raises(AssertionError):
        node.register("10.1.2.0/24")
    assert len(node.server.store) == 0
