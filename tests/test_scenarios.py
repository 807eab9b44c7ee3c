"""Every scenario has the effects that its folder says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenario import effect_lines, read_lines

FOLDER = Path(__file__).with_name("scenarios")

REWRITE = "MAPSYS_REWRITE_SCENARIOS"
"""Set in the environment, it makes the tests write the expected side: review the difference."""

INPUTS = sorted(FOLDER.glob("*/*-input.jsonl"))


def case(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('-input.jsonl')}"


@pytest.mark.parametrize("input_file", INPUTS, ids=case)
def test_scenario_has_the_effects_that_were_reviewed(input_file: Path) -> None:
    lines = effect_lines(input_file.with_name("settings.yaml"), input_file)
    expected = input_file.with_name(input_file.name.replace("input", "effects"))
    if REWRITE in os.environ:
        expected.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert lines == expected.read_text(encoding="utf-8").splitlines()


def test_every_scenario_folder_is_whole_and_says_what_it_shows() -> None:
    folders = [path for path in FOLDER.iterdir() if path.is_dir()]
    numbers = sorted(path.name.partition("-")[0] for path in folders)
    assert numbers == [f"{n:02}" for n in range(1, len(folders) + 1)]
    for folder in folders:
        inputs = {path.name.partition("-")[0] for path in folder.glob("*-input.jsonl")}
        effects = {path.name.partition("-")[0] for path in folder.glob("*-effects.jsonl")}
        assert inputs == effects != set(), folder.name
        first = (folder / "settings.yaml").read_text("utf-8").splitlines()[0]
        assert first.startswith("# "), f"{folder.name}/settings.yaml begins with what it shows"


def test_time_never_goes_back_in_a_scenario() -> None:
    for path in INPUTS:
        times = [line["at"] for line in read_lines(path)]
        assert times == sorted(times), path
