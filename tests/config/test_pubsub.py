"""Subscriptions in the configuration: read, written, turned into the core's types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mapsys.config.diff import changes
from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.config.model import PubSubConfig
from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Rate
from mapsys.core.pubsub_settings import KnownXtr, PubSubSettings, Subscriber
from mapsys.core_setup import settings_of
from mapsys.eid import EidPrefix
from mapsys.wire.map_notify import MapNotify
from tests.config.files import put

LOCAL = (Endpoint("127.0.0.1", 4342),)
ONE, TWO = bytes(15) + b"\1", bytes(15) + b"\2"

WHOLE = f"""\
node: ms1.example
control: {{listen: [127.0.0.1:4342]}}
map-server:
  pubsub:
    keys:
      - {{id: 1, secret-file: pubsub.key}}
      - {{id: 2, algorithm: hmac-sha-256-128+hkdf-sha256, secret: a-laboratory-secret-2}}
    default-key: 1
    subscribers:
      - xtr-id: {ONE.hex()}
        key: 2
        allow: [{{prefix: 198.18.0.0/21}}, {{prefix: 198.18.0.0/16, instance-id: 7}}]
      - {{xtr-id: {TWO.hex().upper()}}}
    trusted-resolvers: [192.0.2.20/32, 2001:db8::/32]
    trust-alt: true
    limit: 5000
    limit-per-xtr: 50
    requests-per-xtr: 5/s burst 10
    notifies: off
    temporary: 5m
    nonce-memory: 1d
map-resolver:
  subscribers:
    - {{xtr-id: {ONE.hex()}, site-id: 00000000000000ff, rlocs: [198.51.100.0/24]}}
    - {{xtr-id: {TWO.hex()}, rlocs: any}}
"""


def written(folder: Path, text: str = WHOLE) -> Path:
    put(folder, "the-secret-of-all-subscribers\n", "pubsub.key", 0o600)
    return put(folder, text)


def faults(folder: Path, text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    return [(fault.path, fault.message) for fault in caught.value.faults]


def test_every_setting_reaches_the_core(tmp_path: Path) -> None:
    settings = settings_of(load(written(tmp_path)), LOCAL, 0.0)
    pubsub = settings.pubsub
    assert pubsub is not None
    assert [(k.key_id, k.algorithm_id) for k in pubsub.keys] == [(1, 2), (2, 3)]
    notify = MapNotify(1, 1, 2, bytes(16), ()).octets()
    signed = pubsub.keys[0].secret.sign(notify)
    assert pubsub.keys[0].secret.verify(signed)
    assert not pubsub.keys[1].secret.verify(signed)
    in_seven = EidPrefix.parse("[7]198.18.0.0/16")
    assert pubsub.subscribers == (
        Subscriber(ONE, 2, (EidPrefix.parse("198.18.0.0/21"), in_seven)),
        Subscriber(TWO),
    )
    assert pubsub.default_key_id == 1
    assert pubsub.trusted_resolvers == (
        EidPrefix.parse("192.0.2.20/32"),
        EidPrefix.parse("2001:db8::/32"),
    )
    assert pubsub.trust_alt
    assert (pubsub.subscriptions_limit, pubsub.subscriptions_per_xtr) == (5000, 50)
    assert (pubsub.requests_per_xtr, pubsub.notifies) == (Rate(5, 10), None)
    assert (pubsub.temporary_minutes, pubsub.nonce_memory_seconds) == (5, 86_400)
    assert settings.known_xtrs == (
        KnownXtr(ONE, bytes(7) + b"\xff", (EidPrefix.parse("198.51.100.0/24"),)),
        KnownXtr(TWO),
    )


def test_the_defaults_are_those_of_the_core(tmp_path: Path) -> None:
    text = WHOLE[: WHOLE.index("  pubsub:")] + "  pubsub: {}\n"
    assert settings_of(load(written(tmp_path, text)), LOCAL, 0.0).pubsub == PubSubSettings()


@pytest.mark.parametrize("section", ["  pubsub: {policy: off}\n", "  path-mtu: 1500\n"])
def test_nobody_subscribes_where_it_is_off_or_absent(section: str, tmp_path: Path) -> None:
    text = WHOLE[: WHOLE.index("  pubsub:")] + section
    settings = settings_of(load(written(tmp_path, text)), LOCAL, 0.0)
    assert settings.pubsub is None
    assert settings.known_xtrs == ()


def test_what_is_dumped_reads_back_equal_and_shows_no_secret(tmp_path: Path) -> None:
    put(tmp_path, "a-laboratory-secret-2", "2.key", 0o600)
    text = WHOLE.replace("secret: a-laboratory-secret-2", "secret-file: 2.key")
    config = load(written(tmp_path, text))
    dumped = dump(config)
    assert load(put(tmp_path, dumped, "again/again.yaml")) == config
    assert "laboratory" not in dumped
    assert "of-all-subscribers" not in dumped


def test_a_reload_says_what_it_changes(tmp_path: Path) -> None:
    old = load(written(tmp_path))
    new = load(written(tmp_path, WHOLE.replace("temporary: 5m", "temporary: 15m")))
    assert changes(old, new) == ["map-server.pubsub.temporary: 5m becomes 15m"]


def test_contradictions_are_told_where_they_stand(tmp_path: Path) -> None:
    text = WHOLE.replace("default-key: 1", "default-key: 9")
    text = text.replace("        key: 2\n", "        key: 8\n")
    text = text.replace(TWO.hex().upper(), ONE.hex())
    text = text.replace("- {id: 1,", "- {id: 2,").replace("temporary: 5m", "temporary: 90s")
    text = text.replace(f"{{xtr-id: {TWO.hex()}", f"{{xtr-id: {ONE.hex()}")
    found = dict(faults(tmp_path, text))
    assert found == {
        "map-server.pubsub.keys[1].id": (
            "key-id 2 is that of keys[0] already; give each key its own"
        ),
        "map-server.pubsub.subscribers[0].key": "no key with id 8 is in keys:",
        "map-server.pubsub.default-key": "no key with id 9 is in keys:",
        "map-server.pubsub.temporary": "not in whole minutes, in which a record's TTL counts",
        "map-server.pubsub.subscribers[1].xtr-id": (
            f"{ONE.hex()} is listed as item 0 already; keep one of them"
        ),
        "map-resolver.subscribers[1].xtr-id": (
            f"{ONE.hex()} is listed as item 0 already; keep one of them"
        ),
    }


@pytest.mark.parametrize(
    "xtr_id", ["1", ONE.hex() + "0", ONE.hex()[:-1] + "g", ONE.hex()[:-1] + "٣"]
)
def test_an_xtr_id_is_32_hexadecimal_digits(xtr_id: str, tmp_path: Path) -> None:
    text = WHOLE.replace(f"      - xtr-id: {ONE.hex()}", f"      - xtr-id: '{xtr_id}'")
    ((path, message),) = faults(tmp_path, text)
    assert path == "map-server.pubsub.subscribers[0].xtr-id"
    assert "is not 32 hexadecimal digits" in message


def test_the_example_in_the_documentation_is_in_order(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pubsub.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.+?)```", page, re.DOTALL)
    assert found
    head = "node: ms1.example\ncontrol: {listen: [127.0.0.1:4342]}\n"
    config = load(written(tmp_path, head + found[1]))
    assert config.map_server is not None
    assert isinstance(config.map_server.pubsub, PubSubConfig)
    assert settings_of(config, LOCAL, 0.0).known_xtrs[0].site_id == bytes(7) + b"\1"
