"""The Debian package: made from what is committed, and read by Debian's own inspector."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import require_program

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, **variables: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_package_builds_and_lintian_finds_nothing_to_say(tmp_path: Path) -> None:
    for program, package in (("dpkg-buildpackage", "dpkg-dev"), ("dh", "debhelper")):
        require_program(program, package)
    run(str(ROOT / "scripts" / "package.sh"), str(tmp_path), VENV=sys.prefix)
    (package_file,) = map(str, tmp_path.glob("mapsys_*.deb"))

    assert run(require_program("lintian", "lintian"), "--no-cfg", package_file) == ""

    installed = tmp_path / "installed"
    run("dpkg-deb", "--extract", package_file, str(installed))
    (modules,) = (installed / "usr/lib/mapsys/lib").glob("python3.*/site-packages")
    python = ("/usr/bin/python3", "-m", "mapsys.cli.main")
    said = run(*python, "check", str(installed / "etc/mapsys/mapsys.yaml"), PYTHONPATH=str(modules))
    assert said.endswith(": ok: 0 sites, 0 EID-Prefixes, Map-Server and Map-Resolver\n")

    assert (installed / "usr/bin/mapsys").is_symlink()
    assert (installed / "usr/share/man/man1/mapsys.1.gz").is_file()
    unit = (installed / "lib/systemd/system/mapsys.service").read_text(encoding="utf-8")
    assert "ExecStart=/usr/bin/mapsys run -c /etc/mapsys/mapsys.yaml\n" in unit
    assert "python3 (>= 3." in run("dpkg-deb", "--field", package_file, "Depends")
