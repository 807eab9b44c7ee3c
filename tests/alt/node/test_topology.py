"""The ALT around a node as nodes and edges, and its routes around an EID, over the interface."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from alt.node_pages import alt_page
from mapsys.cli.main import cli
from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import (
    AltOperationRow,
    AltOrder,
    AltPage,
    AltQuestion,
    AltTraceRow,
)
from tests.alt.control.pilot import arin
from tests.alt.node.test_instance import Unstarted
from tests.http.node import Node
from tests.http.process import http_process


class Shown:
    """``AltSource`` of an instance whose tunnels are not open."""

    def __init__(self, unstarted: Unstarted) -> None:
        self._unstarted = unstarted

    async def page(self, question: AltQuestion) -> AltPage:
        clocks = (self._unstarted.now, 1_000_000.0)
        return alt_page({0: self._unstarted.instance}, question, clocks)

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        raise ValueError("no tunnel is open")

    async def order(self, order: AltOrder) -> AltOperationRow:
        raise ValueError("no tunnel is open")

    def operation(self) -> AltOperationRow | None:
        return None


def unstarted() -> Unstarted:
    async def make() -> Unstarted:
        node = Unstarted(arin())
        node.up("ripe", "mspa")
        node.hear("mspa", "198.18.0.0/21")
        node.hear("ripe", "198.18.32.0/19")
        node.export()
        return node

    return asyncio.run(make())


def test_sessions_are_edges_and_neighbours_nodes(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.alt = Shown(unstarted())
    with node, http_process(tmp_path) as web:
        shown = web.get("/api/v1/alt/topology").json()
        explained = web.get("/api/v1/explain/198.18.1.1").json()
        printed = CliRunner().invoke(cli, ["explain", "198.18.1.1", "--state", str(tmp_path)])
    edges = {edge["tunnel"]: edge for edge in shown["edges"]}
    assert (edges["mspa"]["role"], edges["mspa"]["state"]) == ("child", "up")
    assert (edges["mspa"]["source_level"], edges["mspa"]["target_level"]) == ("region", "msp")
    assert edges["ripe"]["target_level"] == "region"
    assert (edges["apnic"]["state"], edges["ripe"]["accepted"]) == ("down", 1)
    assert {edge["source"] for edge in shown["edges"]} == {"ms1.example"}
    names = [one["name"] for one in shown["nodes"]]
    assert names == ["ms1.example", *sorted({edge["target"] for edge in shown["edges"]})]
    assert [one["is_self"] for one in shown["nodes"]] == [True] + [False] * (len(names) - 1)
    counted = shown["aggregates_up"] + shown["aggregates_down"]
    assert counted == len(shown["aggregates"]) > 0
    assert shown["suppressed"] == sum(one["suppressed"] for one in shown["aggregates"])
    ways = [(way["eid_prefix"], way["peer"]) for way in explained["alt_routes"]]
    assert ways[0] == ("198.18.0.0/21", "mspa")
    assert "ALT routes\n  198.18.0.0/21 by mspa, child, next hop " in printed.output


def test_a_node_without_an_alt_has_no_topology(tmp_path: Path) -> None:
    with Node(tmp_path), http_process(tmp_path) as web:
        reply = web.get("/api/v1/alt/topology")
        assert (reply.status, reply.json()["type"]) == (404, "/problems/no-alt")
        assert web.get("/api/v1/explain/198.18.1.1").json()["alt_routes"] == []
