"""Whether a test that is named by its node ID exists."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.test_scenarios import INPUTS, case

ROOT = Path(__file__).resolve().parents[2]


@cache
def functions_of(file: str) -> frozenset[str]:
    """The names of a module's functions; empty where there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def is_there(node_id: str) -> bool:
    """Whether the file has the test; of parameters, only those of scenarios are looked at."""
    file, _, name = node_id.partition("::")
    function, _, parameter = name.partition("[")
    if function not in functions_of(file) or not function.startswith("test_"):
        return False
    return not parameter or parameter.removesuffix("]") in {case(path) for path in INPUTS}
