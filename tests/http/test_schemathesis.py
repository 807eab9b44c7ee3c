"""schemathesis makes requests from the OpenAPI document; every answer has to be as described."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.node import Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register

ROOT = Path(__file__).parents[2]

STREAMS = ("--exclude-path", "/api/v1/events")
"""An answer without an end is tried in test_events instead."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[HttpProcess]:
    with Node(tmp_path) as node:
        register(node, "198.18.1.0/24", "198.18.1.128/25", "[100]2001:db8:e001::/48", '"printer"')
        register(node, "198.18.5.0/24")
        with http_process(tmp_path) as running:
            yield running


def requests_made(web: HttpProcess, folder: Path, *options: str, seconds: float) -> int:
    """Run schemathesis in an empty folder; how many requests it made, none of which failed."""
    url = f"http://127.0.0.1:{web.port}/openapi.json"
    program = Path(sys.executable).with_name("schemathesis")
    assert program.exists(), "schemathesis is missing; install the dev dependencies"
    folder.mkdir()
    ended = subprocess.run(
        [
            program,
            "run",
            url,
            "--checks",
            "all",
            "--no-shrink",
            "--warnings",
            "off",
            *STREAMS,
            *options,
        ],
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.http.openapi_formats", "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = re.search(r"(\d+) generated, \1 passed", ended.stdout)
    assert found, ended.stdout
    return int(found[1])


def test_300_requests_are_answered_as_described(web: HttpProcess, tmp_path: Path) -> None:
    options = ("--phases", "coverage")
    assert requests_made(web, tmp_path / "work", *options, seconds=250) >= 300


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_2000_requests_are_answered_as_described(web: HttpProcess, tmp_path: Path) -> None:
    options = ("--phases", "coverage,fuzzing", "--max-examples", "25")
    assert requests_made(web, tmp_path / "work", *options, seconds=800) >= 2_000
