"""One redis-server for all tests that only need any; it is flushed before each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.server import RedisServer


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Short enough for the names of sockets."""
    folder = Path(tempfile.mkdtemp(prefix="mf"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def any_server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="mf"))
    server = RedisServer(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def server(any_server: RedisServer) -> RedisServer:
    any_server.command("FLUSHALL")
    return any_server
