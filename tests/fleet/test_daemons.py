"""Real daemons over a real redis-server: any of them answers, whatever becomes of the engine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.node import Node, Xtr, until, xtr
from tests.fleet.server import RedisServer

PREFIX = "198.18.1.0/24"

QUIET_SECONDS = 0.5
"""In which a Map-Notify that waits for nothing would come many times over."""


class Fleet:
    """a acknowledges what its journal has, b what the engine has as well."""

    def __init__(self, folder: Path, server: RedisServer) -> None:
        self.server = server
        self.nodes = []
        for name, ack in (("a", "local"), ("b", "engine")):
            place = folder / name
            place.mkdir()
            node = Node(place)
            text = node.config.read_text().replace("test.example", name)
            node.config.write_text(f"{text}fleet: {{url: 'unix://{server.socket}', ack: {ack}}}\n")
            node.launch()
            self.nodes.append(node)
        for node in self.nodes:
            node.wait_for("ready")


@pytest.fixture(scope="module")
def pair(any_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    any_server.command("FLUSHALL")
    made = Fleet(tmp_path_factory.mktemp("fleet"), any_server)
    yield made
    for node in made.nodes:
        node.close()


def answered(itr: Xtr, eid: str) -> bool:
    reply = itr.asks(eid)
    return reply is not None and any(record.rlocs for record in reply.records)


def test_register_at_a_answer_at_b_whatever_becomes_of_the_engine(pair: Fleet) -> None:
    a, b = pair.nodes
    with ExitStack() as stack:
        etr = stack.enter_context(xtr(a.address))
        itr = stack.enter_context(xtr(b.address))
        etr.registers(PREFIX)
        until(lambda: answered(itr, "198.18.1.1"), b.said)
        pair.server.pause()
        assert answered(itr, "198.18.1.2"), "an answer waits for no engine"
        etr.registers("198.18.1.64/26")
        pair.server.go_on()
        until(lambda: answered(itr, "198.18.1.70"), b.said)
        pair.server.kill()
        etr.registers("198.18.1.128/26")
        assert answered(itr, "198.18.1.3")
        pair.server.start()
        until(lambda: answered(itr, "198.18.1.130"), lambda: a.said() + b.said())
        etr.register("198.18.1.128/26", ttl=0)
        etr.hears()
        # What is left is answered: the prefix around it.
        until(lambda: length_of(itr, "198.18.1.130") == 24, b.said)


def length_of(itr: Xtr, eid: str) -> int:
    reply = itr.asks(eid)
    assert reply is not None
    return reply.records[0].mask_len


def test_a_caught_register_does_nothing_at_the_other(pair: Fleet) -> None:
    a, b = pair.nodes
    with ExitStack() as stack:
        etr = stack.enter_context(xtr(a.address))
        itr = stack.enter_context(xtr(b.address))
        caught = etr.register(PREFIX, rloc="192.0.2.50")
        etr.hears()
        etr.register(PREFIX, rloc="192.0.2.51")
        etr.hears()

        def rlocs() -> str:
            return repr(itr.asks("198.18.1.1"))

        newest = repr(socket.inet_aton("192.0.2.51"))
        until(lambda: newest in rlocs(), rlocs)
        count = len(b.named("message-dropped"))
        etr.socket.sendto(caught, b.address)
        until(lambda: len(b.named("message-dropped")) > count, b.said)
        assert b.named("message-dropped")[-1]["reason"] == "replayed"
        assert newest in rlocs()


def test_a_node_whose_engine_is_away_serves_all_the_same(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.config.write_text(f"{node.config.read_text()}fleet: {{url: 'unix:///nowhere/e.sock'}}\n")
    try:
        node.start()
        with xtr(node.address) as etr:
            etr.registers(PREFIX)
            assert answered(etr, "198.18.1.1")
        assert node.named("fleet-away") or "fleet-joined" not in node.said()
        assert node.stop() == 0
    finally:
        node.close()


def test_a_map_notify_waits_for_the_engine_where_that_is_asked_for(pair: Fleet) -> None:
    b = pair.nodes[1]
    with xtr(b.address) as etr, xtr(b.address) as itr:
        etr.registers("198.18.1.192/26")
        pair.server.pause()
        try:
            etr.register("198.18.1.224/27")
            until(lambda: length_of(itr, "198.18.1.230") == 27, b.said)
            assert etr.hears(QUIET_SECONDS) is None, "acknowledged before the engine had it"
        finally:
            pair.server.go_on()
        assert etr.hears() is not None, b.said()
