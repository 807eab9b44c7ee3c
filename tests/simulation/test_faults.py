"""The simulation finds what it is there to find: every planted fault, within a few seeds."""

from __future__ import annotations

import pytest

from tests.simulation.comparison import Divergence
from tests.simulation.faults import FAULTS, Fault, planted
from tests.simulation.simulation import Simulation

SEEDS = range(1, 9)
DAYS = 0.1
SAMPLE = 5


def seed_that_finds(fault: Fault) -> int | None:
    """The first seed under which server and reference diverge with the fault in place."""
    for seed in SEEDS:
        with planted(fault):
            try:
                Simulation(seed, DAYS).run()
            except Divergence:
                return seed
    return None


def test_there_are_twenty_different_faults() -> None:
    assert len({fault.name for fault in FAULTS}) == 20
    assert len({(fault.where, fault.attribute, fault.wrong) for fault in FAULTS}) == 20


@pytest.mark.parametrize("fault", FAULTS[::SAMPLE], ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    assert seed_that_finds(fault) is not None


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_planted_fault_is_found(fault: Fault) -> None:
    assert seed_that_finds(fault) is not None
