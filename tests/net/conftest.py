"""Fixtures of the tests around the loop and the journal."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


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
