"""Each contract test runs once for every datapath."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.datapath.bench import FACTORIES, Bench, bench


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__)
def on_loopback(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A datapath at one port of 127.0.0.1."""
    with bench(request.param) as made:
        yield made


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__)
def on_both_families(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A datapath at 127.0.0.1 and ::1."""
    with bench(request.param, "127.0.0.1", "::1") as made:
        yield made


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__)
def on_wildcards(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A datapath at every address of both families."""
    with bench(request.param, "0.0.0.0", "::") as made:
        yield made
