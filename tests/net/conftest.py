"""Fixtures of the tests around the loop and the journal."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engines

_MEMORY = Path("/dev/shm")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is said of the journal is said of it with each kind of store."""
    if metafunc.module.__name__.startswith("tests.net.test_journal"):
        metafunc.fixturenames.insert(0, "kind_of_store")
        metafunc.parametrize(
            "kind_of_store", engines.stores(), ids=lambda kind: kind.__name__, indirect=True
        )


@pytest.fixture
def kind_of_store(request: pytest.FixtureRequest) -> Iterator[None]:
    """The kind that ``journal_run`` makes."""
    with engines.used(request.param):
        yield


@pytest.fixture
def scratch() -> Iterator[Path]:
    """An empty folder, in memory where there is such a place.

    Flushing costs nothing there; what a flush is worth shows in a power cut only,
    which no test can make.
    """
    where = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="mapsys-test-", dir=where) as name:
        yield Path(name)


@pytest.fixture
def folder(scratch: Path) -> Path:
    """Where a state folder can be made."""
    return scratch / "deep" / "state"
