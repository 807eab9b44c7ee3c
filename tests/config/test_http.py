"""The http: section: who is let in, and that nobody is by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.config.model import ClientConfig, Http, TlsConfig, TokenConfig
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Endpoint
from tests.config.files import put

GOOD = "node: ms1\ncontrol: {listen: [127.0.0.1:4342]}\nmap-server: {}\n"
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
TLS = "tls: {certificate: a.crt, key: a.key}"
TOKENS = f"tokens: [{{name: noc, hash: '{ONE}'}}]"


def faults(tmp_path: Path, section: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path, GOOD + f"http: {section}\n"))
    return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]


def test_everything_that_can_be_said_reads_back_equal(tmp_path: Path) -> None:
    text = f"""\
http:
  listen: 192.0.2.1:8042
  tls:
    certificate: a.crt
    key: a.key
    client-ca: ca.crt
    clients: [{{name: noc.example, role: operate}}]
  tokens:
    - {{name: noc, hash: "{ONE}", role: admin}}
    - {{name: one, hash: "{TWO}", sites: [site-one]}}
  names: [mapsys.example]
"""
    config = load(put(tmp_path, GOOD + text))
    assert config.warnings == ()
    assert config.http == Http(
        Endpoint("192.0.2.1", 8042),
        TlsConfig(
            tmp_path / "a.crt",
            tmp_path / "a.key",
            tmp_path / "ca.crt",
            (ClientConfig("noc.example", "operate"),),
        ),
        (TokenConfig("noc", ONE, "admin"), TokenConfig("one", TWO, "read", ("site-one",))),
        ("mapsys.example",),
    )
    assert load(put(tmp_path, dump(config), "again.yaml")) == config


@pytest.mark.parametrize(
    "section",
    [
        "{listen: 0.0.0.0:8042}",
        "{listen: '[::]:8042'}",
        f"{{listen: 192.0.2.1:8042, {TLS}}}",
        f"{{listen: 192.0.2.1:8042, {TOKENS}}}",
    ],
)
def test_beyond_loopback_it_takes_both_or_an_explicit_word(tmp_path: Path, section: str) -> None:
    (fault,) = faults(tmp_path, section)
    assert fault.startswith("http.listen: others than this machine's users")
    allowed = section[:-1] + ", unprotected: true}"
    (warning,) = load(put(tmp_path, GOOD + f"http: {allowed}\n")).warnings
    assert warning.path == "http.listen"


@pytest.mark.parametrize(
    "section", ["{listen: '[::1]:8042'}", f"{{listen: 192.0.2.1:8042, {TLS}, {TOKENS}}}"]
)
def test_loopback_or_protected_needs_no_word(tmp_path: Path, section: str) -> None:
    assert load(put(tmp_path, GOOD + f"http: {section}\n")).warnings == ()


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ("tokens: [{name: a, hash: 'sha256:12'}]", "http.tokens[0].hash: 'sha256:12' is not"),
        (
            f"tokens: [{{name: a, hash: '{ONE}'}}, {{name: b, hash: '{ONE}'}}]",
            "http.tokens[1].hash: another entry has the same token",
        ),
        (
            f"tokens: [{{name: a, hash: '{ONE}'}}, {{name: a, hash: '{TWO}'}}]",
            "http.tokens[1].name: 'a' stands in the list already",
        ),
        (
            f"tokens: [{{name: a, hash: '{ONE}', role: admin, sites: [x]}}]",
            "http.tokens[0].sites: who may do everything",
        ),
        (f"tokens: [{{name: a, hash: '{ONE}', role: root}}]", "http.tokens[0].role: 'root' is"),
        (
            "tls: {certificate: a, key: b, clients: [{name: a}]}",
            "http.tls.clients: nobody vouches for certificates",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_fault(tmp_path: Path, members: str, fault: str) -> None:
    (found,) = faults(tmp_path, f"{{listen: 127.0.0.1:8042, {members}}}")
    assert found.startswith(fault)


def test_the_command_line_moves_the_address_and_lets_nobody_else_in(tmp_path: Path) -> None:
    path = put(tmp_path, GOOD + f"http: {{listen: 127.0.0.1:8042, {TLS}, {TOKENS}}}\n")
    http = ConfigSource(path, http=Endpoint("192.0.2.1", 80)).load().http
    assert http is not None
    assert (http.listen, len(http.tokens)) == (Endpoint("192.0.2.1", 80), 1)
    bare = put(tmp_path, GOOD, "bare.yaml")
    with pytest.raises(ConfigError, match=r"--http: .*others than"):
        ConfigSource(bare, http=Endpoint("192.0.2.1", 80)).load()
