"""Core alone, pure datapath, native datapath: the same answers, state and counters."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Limits, Rate
from mapsys.core.settings import Settings
from mapsys.core.site import EidRule, LispSite, ProxyReply, Replay, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord
from tests.native.servers import ENGINES, Peers, Server
from tests.scenario import read_lines, read_settings
from tests.scenario_input import Builder, endpoint

SCENARIOS = Path(__file__).parents[1] / "scenarios"
NOT_PLAYED = ("22-pubsub",)
"""Its Map-Notify-Acks answer what went to addresses that are not on loopback."""

INPUTS = [
    path for path in sorted(SCENARIOS.glob("*/*-input.jsonl")) if path.parent.name not in NOT_PLAYED
]

KEYS = {"a": Key(b"a laboratory secret"), "b": Key(b"another one")}
PREFIXES = (
    "198.18.1.0/24", "198.18.1.1/32", "198.18.1.128/25", "198.18.2.0/24", "198.18.2.64/26",
    "2001:db8:e001::/48", "2001:db8:e001:1::/64", "[7]198.18.1.0/24",
)  # fmt: skip
ASKED = (
    "198.18.1.1", "198.18.1.2", "198.18.1.200", "198.18.2.1", "198.18.2.70", "198.18.3.3",
    "198.18.9.9", "203.0.113.1", "2001:db8:e001::1", "2001:db8:e001:1::1", "2001:db8::",
    "[7]198.18.1.1", "[7]198.18.2.1", "[8]198.18.1.1",
)  # fmt: skip


def rule(text: str) -> EidRule:
    return EidRule(EidPrefix.parse(text), accept_more_specifics=True)


def sites(proxy_reply: ProxyReply, replay: Replay) -> tuple[LispSite, ...]:
    def site(name: str, *rules: str, deny_action: int | None = None) -> LispSite:
        key = SiteKey(1, frozenset((1, 2, 3)), KEYS.get(name, KEYS["a"]))
        return LispSite(
            name, (key,), tuple(map(rule, rules)), notify_to_source=True,
            proxy_reply=proxy_reply, replay=replay, deny_action=deny_action,
        )  # fmt: skip

    return (
        site("a", "198.18.1.0/24", "2001:db8:e001::/48", "[7]198.18.1.0/24"),
        site("b", "198.18.2.0/24"),
        site("denied", "198.18.3.0/24", "198.18.2.128/25", deny_action=3),
    )


LIMITS = (Limits.off(), Limits(Rate(2, 5), Rate(3, 6), Rate(1, 3), Rate(2, 8)))
AUTHORITY = ((), ("198.18.0.0/16", "198.18.8.0/24"))


@st.composite
def configurations(draw: st.DrawFn) -> Settings:
    return Settings(
        sites(draw(st.sampled_from(ProxyReply)), draw(st.sampled_from(Replay))),
        (),
        authority=tuple(map(EidPrefix.parse, draw(st.sampled_from(AUTHORITY)))),
        limits=draw(st.sampled_from(LIMITS)),
    )


class Story:
    """A random course of messages."""

    def __init__(self, seed: int, peers: Peers) -> None:
        self._random = random.Random(seed)
        self._peers = peers.addresses
        self._nonce = 1
        self._usual: list[tuple[MapRegister, Key]] = []

    def register(self, _: int) -> bytes:
        """Mostly what was registered before, under the next nonce."""
        choose = self._random
        self._nonce += choose.choice((1, 1, 1, 1, 0))
        if not self._usual or choose.random() < 0.3:
            self._usual.append(self._new_register())
        register, key = choose.choice(self._usual[-3:])
        octets = replace(register, nonce=self._nonce).octets()
        try:
            octets = key.sign(octets)
        except ValueError:
            return octets  # an algorithm with another's MAC length
        return self._damaged(octets, 0.05)

    def _new_register(self) -> tuple[MapRegister, Key]:
        choose = self._random
        prefixes = [EidPrefix.parse(text) for text in choose.choices(PREFIXES, k=2)]
        inside_b = str(prefixes[0]).startswith("198.18.2.")
        rloc = choose.choice((self._peers[-1].host,) * 5 + ("127.0.0.3",))
        locators = () if choose.random() < 0.05 else (RlocRecord(ip_address(rloc), 1, 1, 255, 0),)
        records = [
            EidRecord(0 if choose.random() < 0.05 else 60, *from_eid_prefix(prefix), locators)
            for prefix in dict.fromkeys(prefixes)
            if str(prefix).startswith("198.18.2.") == inside_b
        ]
        register = MapRegister(
            0, 1, choose.choice((1, 2, 2, 3)), bytes(choose.choice((12, 16, 20, 32))),
            tuple(records),
            proxy_map_reply=choose.random() < 0.8,
            want_map_notify=choose.random() < 0.9,
            use_ttl_for_timeout=choose.random() < 0.2,
        )  # fmt: skip
        xtr = bytes(15) + b"x"
        if choose.random() < 0.3:
            register = replace(register, xtr_id=xtr, site_id=bytes(8))
        return register, KEYS["b" if inside_b else "a"]

    def request(self, peer: int) -> bytes:
        choose = self._random
        eid, mask_len = from_eid_prefix(EidPrefix.parse(choose.choice(ASKED)))
        rlocs = tuple(map(ip_address, choose.choice((["127.0.0.1"], ["192.0.2.1", "127.0.0.1"]))))
        octets = MapRequest(
            choose.getrandbits(64), rlocs[0], rlocs,
            (MapRequestRecord(eid, max(mask_len - choose.choice((0,) * 9 + (8,)), 0)),),
            authoritative=choose.random() < 0.03, pitr=choose.random() < 0.03,
        ).octets()  # fmt: skip
        if choose.random() < 0.3:
            return self._damaged(octets, 0.05)
        inner = choose.choice((("192.0.2.9", "198.18.1.1"), ("2001:db8::9", "2001:db8:e001::1")))
        packet = build_ip_udp(*inner, self._peers[peer].port, 4342, octets)
        return self._damaged(Ecm(packet).octets(), 0.05)

    def _damaged(self, octets: bytes, chance: float) -> bytes:
        if self._random.random() >= chance:
            return octets
        damaged = bytearray(octets)
        damaged[self._random.randrange(len(octets))] ^= 1 << self._random.randrange(8)
        return bytes(damaged[: self._random.choice((len(damaged), len(damaged) - 1))])


@contextmanager
def all_engines(settings: Settings, peers: Peers) -> Iterator[list[Server]]:
    servers = [Server(make, settings) for make in ENGINES.values()]
    try:
        yield servers
    finally:
        for server in servers:
            server.close()
        peers.close()


def alike(servers: Sequence[Server], what: str) -> None:
    """All servers hold, have logged and have counted the same."""
    first, *others = servers
    for name, other in zip(list(ENGINES)[1:], others, strict=True):
        assert other.dump() == first.dump(), f"{name}: {what}"
        assert other.restored() == other.dump(), f"{name}: {what}"
        assert other.totals() == first.totals(), f"{name}: {what}"


def by_peer(heard: Sequence[tuple[int, bytes]]) -> dict[int, list[bytes]]:
    sorted_by_peer = defaultdict(list)
    for peer, data in heard:
        sorted_by_peer[peer].append(data)
    return {peer: sorted(data) for peer, data in sorted_by_peer.items()}


def own_loopback() -> str:
    """Addresses of 127.0.0.0/8 that no other run uses."""
    return f"127.{1 + os.getpid() % 250}.{1 + os.getpid() // 250 % 250}"


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(configurations(), st.integers(0, 2**32), st.booleans(), st.booleans())
def test_all_engines_say_hold_and_count_the_same(
    told: Settings, seed: int, in_bursts: bool, several: bool
) -> None:
    """Alone and in bursts; Map-Requests and Map-Registers take turns, each in any order."""
    etr = Endpoint(own_loopback() + ".9", 4342)
    peers = Peers([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0), etr])
    choose = random.Random(seed)
    with all_engines(told, peers) as servers:
        story, now = Story(seed, peers), 0.0
        for step in range(60):
            now += choose.choice((0.01, 0.25, 5.0, 50.0))
            make = story.register if choose.random() < 0.4 else story.request
            sender = choose.randrange(2)
            messages = [make(sender) for _ in range(choose.randint(1, 12) if several else 1)]
            if in_bursts or make == story.register or told.limits != LIMITS[0]:
                # A turn deals first with what it knows: which of several nonces comes
                # first, or who gets the last token, is the same only where all are.
                messages = [messages[0]] * len(messages)
            commits = choose.randint(0, 3)
            said = []
            for server in servers:
                server.pass_time(now)
                if in_bursts:
                    peers.send_burst(sender, messages, server.address)
                else:
                    peers.send(sender, messages, server.address)
                server.turn(now)
                server.commit(commits)
                said.append(by_peer(peers.heard()))
            assert said == said[:1] * len(said), f"step {step}"
        alike(servers, "at the end")


def moved(line: Any, base: str) -> Any:
    """A scenario's input on loopback: its networks become parts of 127.0.0.0/8."""
    if isinstance(line, str):
        return line.replace("192.0.2.", base + ".").replace("198.51.100.", base + ".1")
    if isinstance(line, list):
        return [moved(each, base) for each in line]
    if isinstance(line, dict):
        return {key: moved(value, base) for key, value in line.items()}
    return line


@pytest.mark.parametrize("input_file", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_recorded_conversations_end_alike(input_file: Path) -> None:
    """Scenarios and captures, played to all engines from loopback addresses."""
    base = own_loopback()
    told = read_settings(input_file.with_name("settings.yaml"))
    lines = [moved(line, base) for line in read_lines(input_file)]
    asked_from = {endpoint(line["from"]) for line in lines if "from" in line}
    peers = Peers(sorted(each for each in asked_from if each.host.startswith(base)))
    builder = Builder(told)
    with all_engines(told, peers) as servers:
        for line in lines:
            play(line, input_file, servers, peers, builder)
        alike(servers, "at the end")


def play(
    line: dict[str, Any], file: Path, servers: list[Server], peers: Peers, builder: Builder
) -> None:
    """One line of a scenario to every server; it is the same to all of them."""
    now = float(line["at"])
    for server in servers:
        server.pass_time(now)
    peers.heard()
    if "reload" in line:
        told = read_settings(file.with_name(line["reload"]))
        builder.use(told)
        for server in servers:
            server.reconfigure(told, now)
    if "journal_writes" in line:
        for server in servers:
            server.engine.set_writable(line["journal_writes"])
    if "from" not in line or endpoint(line["from"]) not in peers.addresses:
        return
    data = builder.datagram(line)
    sender = peers.addresses.index(endpoint(line["from"]))
    said = []
    for server in servers:
        peers.send(sender, [data, data], server.address)
        server.turn(now)
        server.commit(1)
        said.append(by_peer(peers.heard()))
    assert said == said[:1] * len(said), line
    for answers in said[0].values():
        for answer in answers:
            builder.saw(decode(answer))
