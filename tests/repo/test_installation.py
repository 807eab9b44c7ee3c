"""A fresh clone installs and speaks on every Python that is here and supported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.11", "3.12", "3.13")


def interpreters() -> dict[str, str]:
    """A working interpreter for each supported version: the own one, PATH's, pyenv's."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in VERSIONS:
        in_path = shutil.which(f"python{version}")
        by_pyenv = (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")
        for candidate in ([in_path] if in_path else []) + [str(path) for path in by_pyenv]:
            works = subprocess.run(
                [candidate, "-c", "import ensurepip"],
                capture_output=True,
                check=False,
                timeout=30,
            )
            if works.returncode == 0:
                found.setdefault(version, candidate)
    return found


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True, timeout=60)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", sorted(interpreters()))
def test_fresh_clone_installs_what_is_pinned_and_says_its_version(
    version: str, clone: Path
) -> None:
    environment = {**os.environ, "PYTHON": interpreters()[version]}
    environment.pop("VENV", None)
    subprocess.run(
        [str(clone / "scripts" / "venv.sh"), "dev"], env=environment, check=True, timeout=500
    )
    python = clone / ".venv" / "bin" / "python"
    said = subprocess.run(
        [str(python.with_name("mapsys")), "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "0." in said.stdout
    frozen = subprocess.run(
        [str(python), "-m", "pip", "freeze", "--exclude-editable"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    pins = (clone / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert set(frozen.stdout.splitlines()) <= {pin.partition(";")[0] for pin in pins}
    assert (
        "Python " + version
        in subprocess.run(
            [str(python), "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    )
    checked = subprocess.run(
        [str(python.with_name("mapsys")), "check", "deploy/demo/mapsys.yaml"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
