"""docs/logging.md is the dictionary of the log: every key that is written, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
OF_EVERY_LINE = {"event", "level", "timestamp", "exception"}


def is_event(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="Event")):
            return True
        case ast.Tuple(elts=[first, *_]):
            return is_event(first)
    return False


def written() -> Iterator[tuple[str, str]]:
    """Keys of calls that have an event among their arguments, with where they stand."""
    for path in [*(ROOT / "mapsys").rglob("*.py"), *(ROOT / "alt").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        facts = [
            key.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "facts"
            if isinstance(node.value, ast.Dict)
            for key in node.value.keys
            if isinstance(key, ast.Constant)
        ]
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and any(map(is_event, call.args)):
                for keyword in call.keywords:
                    if keyword.arg is not None:
                        yield keyword.arg, path.name
                    elif ast.unparse(keyword.value) == "facts":
                        yield from ((str(key), path.name) for key in facts)


def test_every_key_is_explained_and_no_other() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    found = dict(written())
    assert len(found) > 20
    assert {key: found[key] for key in found if key not in explained} == {}
    assert explained - OF_EVERY_LINE - set(found) == set()
