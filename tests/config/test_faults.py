"""Every fault of a bad file, word for word: ``faulty/NAME.yaml`` and ``faulty/NAME.txt``."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.config.faults import FAULT_LIMIT, ConfigError, Fault
from mapsys.config.load import load
from tests.config.files import GOOD, put

FAULTY = Path(__file__).parent / "faulty"


@pytest.mark.parametrize("name", sorted(path.stem for path in FAULTY.glob("*.yaml")))
def test_all_faults_are_told_at_once_where_they_stand(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FAULTY)
    with pytest.raises(ConfigError) as caught:
        load(Path(f"{name}.yaml"))
    assert f"{caught.value}\n" == (FAULTY / f"{name}.txt").read_text(encoding="utf-8")


def test_every_bad_file_has_its_expected_faults_and_the_other_way_round() -> None:
    bad = {path.stem for path in FAULTY.glob("*.yaml")}
    expected = {path.stem for path in FAULTY.glob("*.txt")}
    assert bad == expected
    assert len(bad) > 10


def test_faults_are_sorted_by_place_and_told_once() -> None:
    late = Fault("a.yaml", 9, 1, "x", "late")
    early = Fault("a.yaml", 2, 30, "y", "early")
    assert ConfigError([late, early, late]).faults == (early, late)


def test_a_fault_of_a_whole_file_has_no_position() -> None:
    assert str(Fault("a.yaml", 0, 0, "", "cannot be read")) == "a.yaml: cannot be read"


def test_a_file_with_endless_faults_is_given_up(tmp_path: Path) -> None:
    wrong = "".join(f"wrong-{number}: x\n" for number in range(FAULT_LIMIT * 4))
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path, GOOD + wrong))
    assert len(caught.value.faults) == FAULT_LIMIT


def test_a_text_in_the_place_of_a_key_is_not_repeated(tmp_path: Path) -> None:
    text = GOOD + (
        "sites:\n  - name: site-one\n    keys: [misplaced-secret]\n"
        "    eids: [{prefix: 198.18.1.0/24}]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path, text))
    assert "sites[0].keys[0]: found a single text" in str(caught.value)
    assert "misplaced-secret" not in str(caught.value)
