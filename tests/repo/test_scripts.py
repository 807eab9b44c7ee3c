"""The two commands: what they say when they cannot go on, and that they agree with make."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import require_program
from tests.repo.installed import installed_mark

ROOT = Path(__file__).resolve().parents[2]


def shell(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one of the project's scripts with variables set beside the present ones."""
    return subprocess.run(
        [str(ROOT / "scripts" / script), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def interpreter(folder: Path, *lines: str) -> Path:
    """A program that stands in for an interpreter, with these shell lines as its body."""
    program = folder / "python3"
    program.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    program.chmod(0o755)
    return program


def test_missing_venv_module_is_one_sentence_with_the_apt_line(tmp_path: Path) -> None:
    # As Debian has it without python3-venv: the interpreter is there, ensurepip is not.
    (tmp_path / "ensurepip.py").write_text("raise ImportError('not packaged')\n")
    python = interpreter(tmp_path, f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    run = shell("venv.sh", VENV=str(tmp_path / "venv"), PYTHON=str(python))
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "apt-get install python3-venv" in run.stderr
    assert not (tmp_path / "venv").exists()


def test_python_of_another_version_is_one_sentence(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "exit 1")
    run = shell("venv.sh", VENV=str(tmp_path / "venv"), PYTHON=str(python))
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "Python 3.11, 3.12 or 3.13" in run.stderr


def test_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    run = shell("venv.sh", VENV=str(tmp_path))
    assert run.returncode == 1
    assert "is no virtual environment" in run.stderr
    assert (tmp_path / "kept").read_text() == "mine"


def test_present_environment_is_not_installed_again(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / ".installed-dev").write_text(installed_mark(ROOT), encoding="utf-8")
    run = shell("venv.sh", VENV=str(venv))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert not (venv / "install.log").exists()


@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "scripts").glob("*.sh")))
def test_script_is_executable_and_plain_shell(script: str) -> None:
    path = ROOT / "scripts" / script
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", str(path)], check=True, timeout=60)


def test_each_make_target_is_one_script_that_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^([a-z-]+):\n\t@(scripts/[a-z]+\.sh)", makefile, re.MULTILINE)
    assert {"run", "test", "check", "test-long", "bench", "bench-quick"} <= dict(recipes).keys()
    for _, script in recipes:
        assert (ROOT / script).is_file()


def test_make_without_a_target_lists_what_it_can_do() -> None:
    run = subprocess.run(
        [require_program("make", "make"), "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "make run" in run.stdout
    assert "make test" in run.stdout


def test_continuous_integration_runs_the_same_tests_as_a_person() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_missing_test_programs_without_root_are_one_sentence_with_the_apt_line(
    tmp_path: Path,
) -> None:
    # A PATH with the shell's own tools only, and a person who is not root.
    for tool in ("sh", "dirname", "sort", "tr", "sed", "env"):
        (tmp_path / tool).symlink_to(require_program(tool, "coreutils"))
    for name, body in (("id", "echo 1000"), ("apt-get", "echo called; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    run = shell("debian.sh", PATH=str(tmp_path))
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "as root: apt-get update && apt-get install" in run.stderr
    assert " tshark" in run.stderr
