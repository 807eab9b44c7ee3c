"""Which engine a URL names, and that a fault of one repeats no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.fleet.target import Target, read_url
from tests.config.files import GOOD, put


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("redis://engine.example", Target(host="engine.example")),
        ("rediss://[2001:db8::1]:7000/", Target(host="2001:db8::1", port=7000, tls=True)),
        ("unix:///run/engine.sock", Target(socket="/run/engine.sock")),
        (
            "redis+sentinel://192.0.2.1,192.0.2.2:7001/fleet",
            Target(sentinels=(("192.0.2.1", 26379), ("192.0.2.2", 7001)), service="fleet"),
        ),
        (
            "rediss+sentinel://192.0.2.1/fleet",
            Target(sentinels=(("192.0.2.1", 26379),), service="fleet", tls=True),
        ),
    ],
)
def test_a_url_names_an_engine(url: str, target: Target) -> None:
    assert read_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:hunter2@engine.example",
        "redis://user:hunter2/x@engine.example",
        "redis://engine.example:hunter2",
        "redis://:hunter2",
        "rediss://engine.example/?password=hunter2",
        "redis://[hunter2",
        "redis://[hunter2]/",
        "unix:///hunter2@engine.sock",
        "redis+sentinel://192.0.2.1,:hunter2/fleet",
        "redis+sentinel://192.0.2.1:hunter2/fleet",
        "hunter2://engine.example",
        "hunter2\u00e9",
    ],
)
def test_a_fault_of_a_url_repeats_no_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path, f"{GOOD}fleet: {{url: '{url}'}}\n"))
    assert "fleet.url: the text " in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_fault_of_a_hooks_url_repeats_no_password(tmp_path: Path) -> None:
    for url in ("https://user:hunter2@hooks.example/", "https://hooks.example:hunter2/"):
        hook = f"{{on: [arrival], url: '{url}', secret-file: hook.key}}"
        with pytest.raises(ConfigError) as caught:
            load(put(tmp_path, f"{GOOD}hooks: [{hook}]\n"))
        assert "hooks[0].url: the text has " in str(caught.value)
        assert "hunter2" not in str(caught.value)
