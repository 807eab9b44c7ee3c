"""The reference stands for itself: small, and without a line of what it judges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
LINES_LIMIT = 500
MODELS = {
    "reference.py": {"tests.simulation.reference_wire"},
    "reference_alt.py": set(),
    "reference_wire.py": set(),
}
STANDARD = {"__future__", "collections", "functools", "hashlib", "hmac", "math", "struct", "typing"}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_small_and_imports_nothing_of_the_project(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_LIMIT
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= STANDARD
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            own = node.module in MODELS[name]
            assert own or node.module.split(".")[0] in STANDARD, node.module
