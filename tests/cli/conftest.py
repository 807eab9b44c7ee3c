"""What the command tests share: a node with its HTTP process, and a way to run a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mapsys.query_review_rows import FindingRow
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMAND_SECONDS = 60


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24", "198.18.1.128/25", "[100]2001:db8:e001::/48")
        register(running, '"printer"', "02:00:00:00:00:01")
        register(running, "198.18.5.0/24", "198.18.1.0/24")
        running.findings.append(
            FindingRow("key-short", "warning", "a.yaml", 7, 9, "sites[0]", "short", "Make another.")
        )
        yield running


@pytest.fixture(scope="package")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``mapsys`` as a process, in a folder of its own and without the caller's settings."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAPSYS_", "LISP_", "XDG_"))
    }
    root = Path(__file__).parents[2]
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(root), "LC_ALL": "C.UTF-8"}

    def mapsys(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mapsys.cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            cwd=tmp_path,
            env={**environment, **more},
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return mapsys
