"""What is installed in production: by hash, listed, and built the same twice."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from scripts.lock import LOCK, ROOT, SBOM, dependencies, read_lock, sbom_text


def plain(name: str) -> str:
    """A distribution's name as it compares."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed() -> set[str]:
    """Everything that the run-time dependencies bring along in this environment."""
    found: set[str] = set()
    waiting = dependencies()
    while waiting:
        requirement = waiting.pop()
        name = plain(re.match(r"[A-Za-z0-9._-]+", requirement)[0])  # type: ignore[index]
        if name in found:
            continue
        found.add(name)
        waiting += [one for one in metadata.requires(name) or [] if ";" not in one]
    return found


def test_the_lock_pins_what_is_tested_each_by_hash() -> None:
    pins = {plain(pin.name): pin for pin in read_lock(LOCK.read_text(encoding="utf-8"))}
    assert needed() <= set(pins)
    for name, pin in pins.items():
        assert pin.version == metadata.version(name), f"{name}: run python -m scripts.lock"
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {plain(line.partition("==")[0]): line.partition("==")[2] for line in constraints}
    assert {name: pin.version for name, pin in pins.items()}.items() <= tested.items()


def test_the_bill_of_materials_lists_the_lock() -> None:
    pins = read_lock(LOCK.read_text(encoding="utf-8"))
    assert SBOM.read_text(encoding="utf-8") == sbom_text(pins)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_builds_of_a_wheel_are_equal_octet_by_octet(tmp_path: Path) -> None:
    source, digests = tmp_path / "source", []
    for number in range(2):
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
        into = tmp_path / str(number)
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "--quiet"]
        subprocess.run(
            [*command, "--wheel-dir", str(into), "."],
            cwd=source,
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        )
        (wheel,) = into.glob("*.whl")
        digests.append((wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert digests[0] == digests[1]
