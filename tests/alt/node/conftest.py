"""One running row for the tests that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.alt.data.lab import underlay
from tests.alt.node.row import Row, until
from tests.leftovers import namespaces


@pytest.fixture(scope="package")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    """The Map-Resolver first and alone: what it says then is tested in ``test_row``."""
    with underlay() as net:
        made = Row(net, tmp_path_factory.mktemp("row"))
        try:
            made["mr1"].start()
            made.early = made.ask("198.18.200.1", patience=0.5, count=1)
            made.start(but="mr1")
            yield made
            assert made["mspa"].stop() == 0
            until(
                lambda: not {r["peer"] for r in made["arin"].shown("alt", "routes")} - {None},
                lambda: "a node that ended did not take its routes along",
            )
            assert [made[name].stop() for name in ("arin", "mr1")] == [0, 0]
        finally:
            made.close()
        assert not {node.overlay for node in made.nodes.values()} & namespaces()
