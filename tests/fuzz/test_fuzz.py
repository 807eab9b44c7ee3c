"""The corpora hold nothing that does harm, and the fuzzer still runs from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import fuzz
from tests.fuzz.corpus import CORPUS_FOLDER, inputs_of
from tests.fuzz.targets import MODULES, target_of

SECONDS = 20
"""For all targets together; ``make fuzz`` gives each as long as it is told."""


@pytest.mark.parametrize("name", [name for name in MODULES if name != "any"])
def test_the_corpus_is_read_without_harm(name: str) -> None:
    target = target_of(name)
    inputs = list(inputs_of(target))
    assert len(inputs) > len(list(target.seeds())), f"{CORPUS_FOLDER / name} lost its inputs"
    for octets in inputs:
        target.run(octets)


@pytest.mark.timeout(600)
def test_the_fuzzer_finds_nothing_in_a_short_while(tmp_path: Path) -> None:
    target = target_of("any")
    outcome = fuzz(target, tmp_path, seconds=SECONDS, runs=-1, seed=1)
    assert outcome.finding is None, outcome.finding
    assert outcome.executions > len(list(target.seeds())), "the fuzzer did not get past its corpus"
    assert outcome.features > 0, "nothing of the code is watched"
