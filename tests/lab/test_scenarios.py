"""Some scenarios on the whole network as it runs; all of them are what make lab is for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mapsys.lab.drawing import drawing
from mapsys.lab.running import namespace_of
from mapsys.lab.scenario import scenario, tried
from mapsys.lab.whole import WholeLab, whole
from mapsys.lab.whole_topology import load_whole

pytestmark = [
    pytest.mark.netns,
    pytest.mark.ability("tun"),
    pytest.mark.ability("raw-gre"),
    pytest.mark.interop,
    pytest.mark.slow,
]

NAMES = (
    *("resolve", "outside", "vm-move", "mobile-node", "attacker"),
    *("key-rotation", "attacker-map-server", "hierarchy", "leaks", "many-locators"),
    *("operators-view", "control-only"),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[WholeLab]:
    with whole(load_whole()) as built:
        yield built


@pytest.mark.parametrize("name", NAMES)
def test_scenario_passes(lab: WholeLab, name: str) -> None:
    (outcome,) = tried(lab, [scenario(name)])
    assert outcome.passed, outcome.problem
    assert outcome.measured


def test_drawing_shows_every_session_up(lab: WholeLab) -> None:
    assert "#c1292e" not in drawing(lab)


def test_nodes_are_found_by_name(lab: WholeLab) -> None:
    for node in ("alpha", "host-a", "mspa", "outside"):
        assert Path("/run/netns", namespace_of(node)).exists()
