"""The pilot network, with the checks that fit into a minute; ``make lab-alt`` runs them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.alt.lab import checks, checks_traces
from tests.alt.lab.pilot import Pilot, pilot
from tests.alt.lab.report import Check

pytestmark = [
    pytest.mark.netns,
    pytest.mark.interop,
    pytest.mark.ability("tun"),
    pytest.mark.ability("raw-gre"),
]

_CHECKS = checks.of_pilot(quick=True)


@pytest.fixture(scope="module")
def network() -> Iterator[Pilot]:
    with pilot() as running:
        yield running
    checks_traces.nothing_left(running.lab)


@pytest.mark.parametrize("check", _CHECKS, ids=[check.number for check in _CHECKS])
def test_the_network_shows(network: Pilot, check: Check[Pilot]) -> None:
    print(f"{check.what}: {check.run(network)}")
