"""The topology files, and the foreign nodes' own configurations beside them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from mapsys.config.load import load as load_config
from mapsys.lab import own_config, topology
from mapsys.lab.topology import FOLDER, End, Node

FILES = ("topology.yaml", "two-instances.yaml", "large.yaml")


@pytest.mark.parametrize("name", FILES)
def test_every_node_of_ours_gets_a_configuration_without_a_fault(name: str, tmp_path: Path) -> None:
    network = topology.load(name)
    for node in network.nodes:
        if node.is_own:
            path = own_config.write(network, node, f"lab-{node.name}", tmp_path)
            config = load_config(path)
            assert [alt.instance_id for alt in config.alt] == network.instances
            assert not config.warnings


def test_both_ends_of_a_tunnel_name_each_other() -> None:
    network = topology.load("topology.yaml")
    for tunnel in network.tunnels:
        (first,) = (e for e in network.ends(tunnel.first) if e.number == tunnel.number)
        (second,) = (e for e in network.ends(tunnel.second) if e.number == tunnel.number)
        assert (first.inner, first.other_inner) == (second.other_inner, second.inner)
        assert str(first.inner) == f"10.255.0.{2 * tunnel.number}"
        assert (first.other.name, second.other.name) == (tunnel.second, tunnel.first)


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("topology.yaml", "apnic"),
        ("topology.yaml", "lacnic"),
        ("topology.yaml", "etr1"),
        ("large.yaml", "above"),
    ],
)
def test_foreign_configurations_are_those_of_the_topology(name: str, node: str) -> None:
    network = topology.load(name)
    foreign = network.node(node)
    text = "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.glob(f"{node}.*")))
    assert foreign.router_id in text
    assert str(foreign.as_number) in text
    assert all(block in text for block in foreign.blocks)
    said = set(re.findall(r"\b10\.255\.0\.\d+\b", text))
    assert said == _inner_addresses(foreign, network.ends(node))
    for end in network.ends(node):
        here_or_next_line = r"[^\n]*\n?[^\n]*"
        near = rf"{re.escape(str(end.other_inner))}\D{here_or_next_line}\b{end.other.as_number}\b"
        assert re.search(near, text), f"{end.other.name} has another AS"


def _inner_addresses(node: Node, ends: list[End]) -> set[str]:
    """FRR and GoBGP name the far end only."""
    addresses = {str(end.other_inner) for end in ends}
    return addresses | {str(end.inner) for end in ends} if node.kind == "bird" else addresses


def test_an_unknown_key_in_a_topology_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (FOLDER / "large.yaml").read_text("utf-8")
    (tmp_path / "wrong.yaml").write_text(text + "\ninstancs: [1]\n", encoding="utf-8")
    monkeypatch.setattr(topology, "FOLDER", tmp_path)
    with pytest.raises(msgspec.ValidationError, match="instancs"):
        topology.load("wrong.yaml")
