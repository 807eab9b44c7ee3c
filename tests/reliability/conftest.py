"""The node of each test."""

from __future__ import annotations

from tests.daemon.conftest import node

__all__ = ["node"]
