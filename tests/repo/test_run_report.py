"""The test run's own rules: what stays out is listed and allowed, what is left is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.abilities import abilities
from tests.areas import area_of
from tests.conftest import allowed_reasons
from tests.programs import require_program
from tests.sharing import FIRST, TOGETHER, unit_of

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(
    test: str, tmp_path: Path, *options: str, under: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run one test file's text under the real plugin, in a folder of its own.

    under: the module that runs pytest, with its options.
    """
    (tmp_path / "test_inner.py").write_text(test, encoding="utf-8")
    return subprocess.run(
        [
            *(sys.executable, "-m", *under, "pytest", "-q", "-p", "tests.conftest", *options),
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


FIGURE = """
from mapsys.eid import EidPrefix
from tests.figures.record import wanted

def test_measures():
    EidPrefix.parse("198.18.0.0/15")
    wanted("apples", 1, 2, 3)
"""


def test_workers_hand_over_what_the_run_is_judged_by(tmp_path: Path) -> None:
    pid_file, data = tmp_path / "pid", tmp_path / "coverage"
    run = run_pytest(
        UNPROBED + LEAK.format(path=str(pid_file)) + FIGURE,
        tmp_path,
        *("-n", "2"),
        under=("coverage", "run", "--parallel-mode", "--data-file", str(data), "-m"),
    )
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "seconds by area" in run.stdout
    assert run.stdout.count("left out for want of 'flying'") == 1
    assert run.stdout.count("time.sleep(120)") == 1
    assert "apples: 1 of 3 (wanted 2)" in run.stdout
    assert "apples" in (tmp_path / "artifacts" / "figures.json").read_text(encoding="utf-8")
    assert "3 passed" in run.stdout
    measured = CoverageData(str(tmp_path / "combined"))
    for part in tmp_path.glob("coverage.*"):
        read = CoverageData(str(part))
        read.read()
        measured.update(read)
    assert str(ROOT / "mapsys" / "eid.py") in measured.measured_files()


@pytest.mark.parametrize(
    ("node_id", "unit"),
    [
        ("tests/wire/test_ip.py::test_x[a::b]", "tests/wire/test_ip.py"),
        ("tests/page/test_look.py::test_x", "tests/page/"),
    ],
)
def test_tests_of_a_file_or_of_a_shared_node_stay_in_one_worker(node_id: str, unit: str) -> None:
    assert unit_of(node_id) == unit


def test_what_is_shared_out_by_folder_or_early_is_there() -> None:
    assert [name for name in (*TOGETHER, *FIRST) if not (ROOT / name).exists()] == []


def test_every_folder_that_shares_a_fixture_stays_in_one_worker() -> None:
    shared = {
        f"{path.parent.relative_to(ROOT)}/"
        for path in (ROOT / "tests").rglob("conftest.py")
        if 'scope="package"' in path.read_text(encoding="utf-8")
    }
    assert shared == set(TOGETHER)


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
