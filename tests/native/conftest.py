"""Without the native engine there is one thing to test: that its absence is right, and told."""

from __future__ import annotations

from pathlib import Path

from mapsys.engine_choice import choose
from tests.engines import HAS_NATIVE

WITHOUT_IT = "test_engine_choice.py"

collect_ignore = (
    []
    if HAS_NATIVE
    else [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name != WITHOUT_IT]
)


def pytest_report_header() -> str:
    """Which engine the tests run over."""
    return "engine: " + ": ".join(choose("auto"))
