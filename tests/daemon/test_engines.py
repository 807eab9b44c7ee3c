"""A whole node on each engine there is, and one that takes over what the other left."""

from __future__ import annotations

import pytest

from mapsys.engine_choice import ENGINE_VARIABLE
from tests.daemon.node import Node, Xtr, xtr
from tests.engines import HAS_NATIVE

ENGINES = ("pure", "native") if HAS_NATIVE else ("pure",)


def runs_on(engine: str, node: Node) -> None:
    node.environment[ENGINE_VARIABLE] = engine
    node.start()
    assert node.named("ready")[-1]["engine"] == engine


def finds(site: Xtr, eid: str, prefix: str) -> None:
    reply = site.asks(eid)
    assert reply is not None
    assert str(reply.records[0].eid_prefix) == prefix
    assert reply.records[0].rlocs


@pytest.mark.parametrize("first", ENGINES)
def test_a_node_serves_on_an_engine_and_each_engine_finds_what_it_kept(
    first: str, node: Node
) -> None:
    runs_on(first, node)
    with xtr(node.address) as site:
        for _ in range(2):
            site.registers("198.18.1.0/24")
            site.registers("198.18.1.64/26")
            finds(site, "198.18.1.77", "198.18.1.64/26")
            finds(site, "198.18.1.1", "198.18.1.0/24")
        for engine in ENGINES:
            assert node.stop() == 0
            runs_on(engine, node)
            assert node.named("ready")[-1]["restored"] == 2
            finds(site, "198.18.1.77", "198.18.1.64/26")
            site.registers("198.18.1.0/24")
