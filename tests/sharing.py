"""How a run is shared out over worker processes (``pytest -n 2``).

A file's tests run in one worker, in their order; so do those of a folder whose tests
share one running node. Any file may run beside any other: ports are free ones, names of
namespaces and folders are a process's own.
"""

from __future__ import annotations

from typing import Final

import pytest
from coverage import Coverage
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TOGETHER: Final = ("tests/alt/node/", "tests/cli/", "tests/page/")
"""Folders with fixtures of the package's scope, which each worker would make anew."""

FIRST: Final = (
    "tests/alt/lab/",
    "tests/alt/node/",
    "tests/page/",
    "tests/simulation/",
    "tests/fuzz/",
    "tests/figures/",
    "tests/reliability/",
    "tests/http/test_schemathesis.py",
    "tests/mutants/",
)
"""What takes longest is begun first, lest one worker end on it alone; the rest as collected."""


def unit_of(node_id: str) -> str:
    """What a test must share a worker with: its file, or its folder."""
    for folder in TOGETHER:
        if node_id.startswith(folder):
            return folder
    return node_id.partition("::")[0]


def turn_of(node_id: str) -> int:
    """Where a test's unit stands in the order in which units are begun."""
    for turn, start in enumerate(FIRST):
        if node_id.startswith(start):
            return turn
    return len(FIRST)


class UnitScheduling(LoadScopeScheduling):
    """Gives the next unit, in the order of the collection, to the worker that runs out."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


class Worker:
    """In a worker: the order of its tests, and their coverage where the whole run is measured."""

    def __init__(self, config: pytest.Config) -> None:
        self._coverage: Coverage | None = None
        data_file: str | None = config.workerinput["coverage_file"]  # type: ignore[attr-defined]
        if data_file is not None:
            self._coverage = Coverage(data_file, data_suffix=True)
            self._coverage.start()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: turn_of(item.nodeid))

    def pytest_sessionfinish(self) -> None:
        if self._coverage is not None:
            self._coverage.stop()
            self._coverage.save()
