"""The mutants fit the code, their tests exist, and those of the sample are caught."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.mutants import Mutant, load_mutants
from tests.mutants.node_ids import is_there

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = load_mutants()

PATIENCE_SECONDS = 110


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, with these arguments."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "mutants.py"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_mutant_fits_the_code_and_names_tests_that_are_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.spoiled(text) != text
    assert mutant.tests
    for test in mutant.tests:
        assert is_there(test), test


def test_the_sample_is_caught() -> None:
    sample = [mutant.id for mutant in MUTANTS if mutant.sample]
    assert len(sample) >= 10
    ended = run("--sample")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == f"{len(sample)} of {len(sample)} mutants caught"


HARMLESS = """
[[mutant]]
id = "comment"
file = "mapsys/core/replay.py"
old = "Is this Map-Register new"
new = "Is that Map-Register new"
tests = ["tests/core/test_replay.py::test_strict_needs_a_greater_nonce"]

[[mutant]]
id = "gone"
file = "mapsys/core/replay.py"
old = "text that the file has not got"
new = ""
tests = ["tests/core/test_replay.py::test_strict_needs_a_greater_nonce"]

[[mutant]]
id = "no-python"
file = "mapsys/core/replay.py"
old = "def nonce_is_new("
new = "def nonce_is_new(("
tests = ["tests/core/test_replay.py::test_strict_needs_a_greater_nonce"]
"""


def test_a_mutant_that_nobody_notices_or_that_does_not_fit_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text(HARMLESS, encoding="utf-8")
    ended = run("--folder", str(tmp_path))
    assert ended.returncode == 1
    said = ended.stdout
    assert "survived" in said
    assert "its text stands 0 times in mapsys/core/replay.py, not once" in said
    assert "its tests did not run" in said
    assert said.splitlines()[-1] == "0 of 3 mutants caught"
