"""A node for each test, ended with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.node import Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that is configured and not yet started."""
    made = Node(tmp_path)
    try:
        yield made
    finally:
        made.close()
