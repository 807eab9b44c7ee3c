"""Garbage on the control port: the daemon goes on serving, and does not grow."""

from __future__ import annotations

import random
import socket
import threading
import time
from dataclasses import dataclass

from mapsys.wire.map_notify import MapNotify
from tests.daemon.node import Node
from tests.reliability.load import (
    Peer,
    configure,
    peer,
    register_octets,
    request_octets,
    resident_kib,
)

GARBAGE_HOST = "127.66.0.{}"
WARM_UP = 20_000
BETWEEN_LOOKS = 500
"""Datagrams that the socket's buffer holds: every one is received, since a question follows."""

OWN = "127.0.0.1"
"""The xTR's address, and its only locator: so its Map-Registers prove where they come from."""

LOOKED_AT = [f"198.18.2.{number}" for number in range(1, 201)]
"""Asked about in turns: the budget of a single EID-Prefix would make each question wait."""

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Pauses before an unacknowledged Map-Register is sent again (RFC 9301, 5.7 doubles them)."""


VALID = tuple(
    message
    for number in range(1, 51)
    for message in (
        register_octets(number << 32, f"198.18.1.{number}/32", "192.0.2.1"),
        request_octets(number << 32, f"198.18.1.{number}", ("127.0.0.9", 9)),
    )
)


def mutated(choice: random.Random) -> bytes:
    """A valid message, spoiled: cut, bits flipped, a lying count or length, or mere noise."""
    kind = choice.randrange(5)
    if kind == 0:
        return choice.randbytes(choice.randrange(0, 200))
    data = bytearray(choice.choice(VALID))
    if kind == 1:
        return bytes(data[: choice.randrange(len(data))])
    for _ in range(choice.randrange(1, 4)):
        data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
    if kind == 2:
        data[choice.randrange(min(16, len(data)))] = choice.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(data) + (choice.randbytes(3) if kind == 3 else b"")


@dataclass
class Garbage:
    """What came of malformed datagrams."""

    sent: int
    grown_kib: int
    served: int
    faults: int


def malformed(node: Node, count: int, seed: int) -> Garbage:
    """Send so many malformed datagrams; every few hundred, a question has to be answered."""
    choice = random.Random(seed)
    configure(node, (("site-one", "198.18.1.0/24"), ("site-two", "198.18.2.0/24")))
    node.start()
    assert node.process is not None
    noisy = [_bound(GARBAGE_HOST.format(number)) for number in range(1, 21)]
    served, before = 0, 0
    with peer(node.address, OWN) as site:
        for eid in LOOKED_AT:
            site.register(f"{eid}/32", OWN)
            assert isinstance(site.hear(20.0), MapNotify)
        for number in range(count):
            noisy[number % len(noisy)].sendto(mutated(choice), node.address)
            if number % BETWEEN_LOOKS == 0:
                eid = LOOKED_AT[served % len(LOOKED_AT)]
                assert site.lookup([eid]) == {eid: OWN}
                served += 1
            if number == min(WARM_UP, count // 2):
                before = resident_kib(node.process.pid)
        assert set(site.lookup(LOOKED_AT).values()) == {OWN}
    grown = resident_kib(node.process.pid) - before
    faults = len(node.named("fault"))
    for one in noisy:
        one.close()
    node.stop()
    return Garbage(count, grown, served, faults)


def _bound(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    return made


@dataclass
class Flood:
    """What came of a flood."""

    garbage: int
    sites: int
    lost: int


def flood(node: Node, seconds: float, sites: int, seed: int) -> Flood:
    """Sites register and retransmit beside a flood; lost is who is not registered at its end."""
    prefixes = [f"198.18.{n // 250}.{n % 250}/32" for n in range(sites)]
    configure(node, tuple((f"s{n}", prefix) for n, prefix in enumerate(prefixes)))
    node.start()
    stop, sent = threading.Event(), [0]
    noise = threading.Thread(target=_noise, args=(node, stop, sent, seed))
    noise.start()
    try:
        with peer(node.address, "127.10.0.1") as site:
            acknowledged = _register_all(site, prefixes, seconds)
    finally:
        stop.set()
        noise.join()
    node.stop()
    return Flood(sent[0], sites, sites - len(acknowledged))


def _noise(node: Node, stop: threading.Event, sent: list[int], seed: int) -> None:
    choice = random.Random(seed)
    pool = [mutated(choice) for _ in range(2_000)]
    noisy = [_bound(GARBAGE_HOST.format(number)) for number in range(1, 101)]
    while not stop.is_set():
        for number in range(200):
            noisy[number % len(noisy)].sendto(choice.choice(pool), node.address)
        sent[0] += 200
        time.sleep(0.002)
    for one in noisy:
        one.close()


def _register_all(site: Peer, prefixes: list[str], seconds: float) -> set[str]:
    """Every site registers, and sends again what is not acknowledged, until the time is over."""
    end = time.monotonic() + seconds
    due = [(0.0, 0, prefix) for prefix in prefixes]
    waiting: dict[int, str] = {}
    acknowledged: set[str] = set()
    while time.monotonic() < end:
        now = time.monotonic()
        due.sort(key=lambda one: one[0])
        while due and due[0][0] <= now:
            _, tries, prefix = due.pop(0)
            if prefix in acknowledged:
                continue
            waiting[site.register(prefix, "127.10.0.1")] = prefix
            due.append((now + RETRY_SECONDS[min(tries, 3)], tries + 1, prefix))
        while (heard := site.hear(0.005)) is not None:
            if isinstance(heard, MapNotify) and heard.nonce in waiting:
                acknowledged.add(waiting.pop(heard.nonce))
    return acknowledged
