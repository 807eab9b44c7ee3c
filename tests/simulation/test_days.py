"""Two days of protocol time without a divergence, in processes of their own.

What a process measures for coverage would cost as much as the simulation itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures.record import scaled, wanted
from tests.simulation.comparison import Divergence
from tests.simulation.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]
DAYS = 2
DAYS_OF_A_SEED = 0.25
PROCESSES = 2


@pytest.mark.timeout(600 * scaled(1))
def test_simulated_days_do_not_diverge_from_the_reference() -> None:
    days = scaled(DAYS)
    seeds = round(days / DAYS_OF_A_SEED / PROCESSES)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.simulation"),
                *("--seed", str(1 + number * seeds), "--seeds", str(seeds)),
                *("--days", str(DAYS_OF_A_SEED)),
            ],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    divergences, told = 0, ""
    for process in running:
        output, errors = process.communicate(timeout=500 * scaled(1))
        told += errors
        found = re.search(r"(\d+) divergences", output)
        assert found is not None, output + errors
        divergences += int(found[1])
    wanted("simulated protocol days against the reference model: divergences", divergences, 0, days)
    assert divergences == 0, told


def test_a_seed_does_the_same_again() -> None:
    def history() -> list[str]:
        simulation = Simulation(7, 0.01)
        simulation.run()
        return simulation.history

    first = history()
    assert first
    assert first == history()


def test_a_divergence_names_seed_step_and_the_command_that_repeats_it() -> None:
    simulation = Simulation(7, 0.02)
    simulation.both.reference.sites[0]["replay"] = "off"
    simulation.both.reference.sites[0]["keys"][0]["secrets"] = (b"another",)
    with pytest.raises(Divergence) as told:
        simulation.run()
    text = str(told.value)
    assert text.startswith("seed 7, step ")
    assert f"python -m tests.simulation --seed 7 --days 0.02 --steps {simulation.steps}" in text
