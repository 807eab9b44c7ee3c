"""Two ALT instances that carry the same addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mapsys.lab.lab import Lab
from tests.alt.lab import checks_instances, checks_traces
from tests.alt.lab.report import Check

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

_CHECKS = checks_instances.CHECKS


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with checks_instances.instances() as running:
        yield running
    checks_traces.nothing_left(running)


@pytest.mark.parametrize("check", _CHECKS, ids=[check.number for check in _CHECKS])
def test_instances_are_kept_apart(lab: Lab, check: Check[Lab]) -> None:
    print(f"{check.what}: {check.run(lab)}")
