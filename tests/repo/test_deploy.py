"""Files for systemd and Prometheus, read by the programs that will read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mapsys.config.load import load
from tests.programs import require_program

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"

EXPOSURE_LIMITS = {"mapsys.service": 20, "mapsys-alt.service": 50}
"""Tenths, as systemd-analyze counts them: 0 is closed, 100 wide open. An ALT node makes
network namespaces and tunnels, which takes its helper three capabilities."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that is here in place of the one that they start."""
    for unit in UNITS.iterdir():
        text = unit.read_text(encoding="utf-8").replace("/opt/mapsys/bin/mapsys", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return tmp_path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_finds_nothing_to_say_about_the_units(units: Path) -> None:
    files = sorted(map(str, units.iterdir()))
    assert len(files) == 3
    checked = run(require_program("systemd-analyze", "systemd"), "verify", *files)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize(("unit", "limit"), EXPOSURE_LIMITS.items())
def test_unit_leaves_the_daemon_little_to_attack_with(units: Path, unit: str, limit: int) -> None:
    checked = run(
        require_program("systemd-analyze", "systemd"),
        *("security", "--offline=true", f"--threshold={limit}", str(units / unit)),
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_reads_its_configuration() -> None:
    path = ROOT / "deploy" / "prometheus.yml"
    checked = run(require_program("promtool", "prometheus"), "check", "config", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", ["deploy/demo/mapsys.yaml", "deploy/compose/mapsys.yaml"])
def test_sample_configuration_is_accepted(path: str) -> None:
    config = load(ROOT / path)
    assert config.map_server is not None
    assert config.map_resolver is not None
    assert config.sites
