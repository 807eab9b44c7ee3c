"""Imports go down, never round; the core keeps off everything that is not a decision."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT: dict[str, frozenset[str]] = {
    "mapsys.eid": frozenset(),
    "mapsys.table": frozenset({"mapsys.eid"}),
    "mapsys.wire": frozenset({"mapsys.eid"}),
    "mapsys.datapath": frozenset(
        {"mapsys.core", "mapsys.store", "mapsys.wire", "mapsys.eid", "mapsys.native"}
    ),
}
"""By package: what of the project it may import, besides itself."""

IMPURE = frozenset(
    (
        *("time", "datetime", "asyncio", "uvloop", "threading", "select", "selectors"),
        *("socket", "ssl", "subprocess", "os", "sys", "uuid", "random", "secrets"),
        *("io", "pathlib", "shutil", "tempfile", "sqlite3", "logging", "structlog"),
    )
)
"""Clocks, sockets, files, randomness, logging."""

MAY_KNOW_ALT = ("mapsys/daemon", "mapsys/config/", "mapsys/xtr/devices", "mapsys/lab/")
"""The composition root; the configuration, which has the section's reader; what makes TUN
devices and namespaces as the ALT does; and the laboratory, which runs all of it.
"""


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of each module of the two packages, by its dotted name."""
    found = {}
    for package in ("mapsys", "alt"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imported(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """Modules that these statements import; a name from a package may be a module too."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            assert node.module is not None
            yield node.module
            yield from (
                name for alias in node.names if (name := f"{node.module}.{alias.name}") in modules()
            )


def package_of(module: str) -> str:
    """``mapsys.core.engine`` belongs to ``mapsys.core``; ``alt.gre`` to ``alt``."""
    parts = module.split(".")
    return "alt" if parts[0] == "alt" else ".".join(parts[:2])


def of_package(package: str) -> list[str]:
    return [name for name in modules() if package_of(name) == package]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_package_imports_only_what_lies_below_it(package: str) -> None:
    assert of_package(package)
    for name in of_package(package):
        for target in imported(ast.walk(modules()[name])):
            if target.split(".")[0] in ("mapsys", "alt"):
                below = MAY_IMPORT[package] | {package, "mapsys"}
                assert package_of(target) in below, f"{name} imports {target}"


def state() -> frozenset[str]:
    """What the store is made of: all that its promise and its implementation import."""
    found = {"mapsys"}
    waiting = ["mapsys.store", "mapsys.store_pure"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [t for t in imported(ast.walk(modules()[name])) if t in modules()]
    return frozenset(found - {"mapsys"})


def test_state_is_plain_modules_that_know_nothing_above_them() -> None:
    for name in state():
        path = ROOT / f"{name.replace('.', '/')}.py"
        assert path.is_file(), f"the store is made of {name}, which is no module of its own"
        assert path.parent.name == "mapsys", f"the store is made of {name}"


def test_core_knows_the_wire_and_the_state_but_no_implementation_of_the_store() -> None:
    below = (state() - {"mapsys.store_pure"}) | {"mapsys", "mapsys.core", "mapsys.wire"}
    for name in of_package("mapsys.core"):
        for target in imported(ast.walk(modules()[name])):
            if target.split(".")[0] in ("mapsys", "alt"):
                assert package_of(target) in below, f"{name} imports {target}"


def test_decisions_and_state_keep_off_the_outside_world() -> None:
    for name in [*of_package("mapsys.core"), *state()]:
        outside = {target.split(".")[0] for target in imported(ast.walk(modules()[name]))}
        assert not outside & IMPURE, f"{name} imports {sorted(outside & IMPURE)}"


def test_mapsys_does_not_know_the_alt_node() -> None:
    for name, tree in modules().items():
        path = name.replace(".", "/")
        if path.startswith("mapsys") and not path.startswith(MAY_KNOW_ALT):
            targets = {target.split(".")[0] for target in imported(ast.walk(tree))}
            assert "alt" not in targets, f"{name} imports alt"


def test_no_import_goes_round() -> None:
    graph = {
        name: {target for target in imported(tree.body) if target in modules()} - {name}
        for name, tree in modules().items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_nothing_of_the_product_imports_tests_or_benchmarks() -> None:
    for name, tree in modules().items():
        targets = {target.split(".")[0] for target in imported(ast.walk(tree))}
        assert not targets & {"tests", "benchmarks", "scripts", "pytest"}, name
