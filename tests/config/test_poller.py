"""The sections ``poller:`` and ``metrics:``, read, defaulted and written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.config.dump import dump
from mapsys.config.load import load
from mapsys.config.model import MetricsConfig, PollerConfig
from mapsys.config.poller import Milliseconds
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from tests.config.files import GOOD, put

POLLER = """\
poller:
  map-resolvers: [192.0.2.1, "[2001:db8::1]:14342"]
  eids: [{prefix: 198.18.1.0/24}, {prefix: 2001:db8:e001::/48, instance-id: 100}]
  interval: 1m
  timeout: 3s
  slow: 1500ms
  keep-dumps: 7
metrics: {per-site: true}
"""


def test_every_key_is_read(tmp_path: Path) -> None:
    config = load(put(tmp_path, GOOD + POLLER))
    assert config.poller == PollerConfig(
        map_resolvers=(Endpoint("192.0.2.1", 4342), Endpoint("2001:db8::1", 14342)),
        eids=(EidPrefix.parse("198.18.1.0/24"), EidPrefix.parse("[100]2001:db8:e001::/48")),
        interval_seconds=60,
        timeout_seconds=3,
        slow_milliseconds=1_500,
        keep_dumps=7,
    )
    assert config.metrics == MetricsConfig(per_site=True)


def test_braces_take_all_defaults_and_absence_is_no_poller(tmp_path: Path) -> None:
    assert load(put(tmp_path, GOOD)).poller is None
    assert load(put(tmp_path, GOOD)).metrics == MetricsConfig(per_site=False)
    polled = load(put(tmp_path, GOOD + "map-resolver: {}\npoller: {eids: all-sites}\n"))
    assert polled.poller == PollerConfig()


@pytest.mark.parametrize("section", ["", "poller: {eids: [{prefix: 198.18.1.0/24}]}\n", POLLER])
def test_what_is_dumped_reads_back_equal(section: str, tmp_path: Path) -> None:
    config = load(put(tmp_path, GOOD + "map-resolver: {}\n" + section))
    assert load(put(tmp_path, dump(config), "again.yaml")) == config


@pytest.mark.parametrize(("text", "milliseconds"), [("1ms", 1), ("200ms", 200), ("2s", 2_000)])
def test_a_short_time_is_read_and_written(text: str, milliseconds: int) -> None:
    assert Milliseconds().parse(text) == milliseconds
    assert Milliseconds().write(milliseconds) == text


@pytest.mark.parametrize("text", ["200", "0ms", "61s", "1.5s", "1m", "-1ms", "1000000ms"])
def test_what_is_no_short_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is "):
        Milliseconds().parse(text)
