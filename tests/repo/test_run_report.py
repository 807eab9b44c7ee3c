"""The test run's own rules: what stays out is listed and allowed, what is left is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.abilities import abilities
from tests.areas import area_of
from tests.conftest import allowed_reasons
from tests.programs import require_program

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(test: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run one test file's text under the real plugin, in a folder of its own."""
    (tmp_path / "test_inner.py").write_text(test, encoding="utf-8")
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest"),
            *("-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")),
            *("--rootdir", str(tmp_path), str(tmp_path / "test_inner.py")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


UNPROBED = """
import pytest
import tests.abilities
tests.abilities._PROBES["flying"] = lambda: "no wings"

@pytest.mark.ability("flying")
def test_flies():
    raise AssertionError("must not run")

def test_walks():
    pass
"""


def test_missing_ability_that_is_not_allowed_fails_the_run(tmp_path: Path) -> None:
    run = run_pytest(UNPROBED, tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "not run here" in run.stdout
    assert "no wings" in run.stdout
    assert "left out for want of 'flying'" in run.stdout
    assert "1 passed, 1 deselected" in run.stdout


LEAK = """
import subprocess, sys

def test_leaves_a_process():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    print("PID", process.pid)
    open({path!r}, "w").write(str(process.pid))
    process.returncode = 0
"""


def test_process_left_behind_fails_the_run(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    run = run_pytest(LEAK.format(path=str(pid_file)), tmp_path)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "left behind" in run.stdout
    assert "time.sleep(120)" in run.stdout


def test_missing_program_fails_by_name() -> None:
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-package"):
        require_program("no-such-program-anywhere", "no-such-package")


def test_allowed_list_names_known_abilities_only() -> None:
    text = (ROOT / "tests" / "not-run-allowed.txt").read_text(encoding="utf-8")
    entries = allowed_reasons(text)
    assert entries
    assert {ability for ability, _ in entries} <= abilities()
    stated = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(stated) == len(entries), "a line is neither a comment nor ABILITY GLOB"


@pytest.mark.parametrize(
    ("node_id", "area"),
    [
        ("tests/wire/test_records.py::test_x", "core"),
        ("tests/test_table.py::test_x", "core"),
        ("tests/alt/data/test_gre.py::test_x", "ALT"),
        ("tests/http/test_routes.py::test_x", "operators"),
    ],
)
def test_area_follows_from_the_folder(node_id: str, area: str) -> None:
    assert area_of(node_id) == area
