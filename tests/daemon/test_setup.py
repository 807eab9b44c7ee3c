"""From configuration to the core's types, and what a person is told at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.banner import banner
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.config.model import Config
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Endpoint
from mapsys.core.history import HistoryLimits
from mapsys.core.limiter import UNLIMITED, Limits, Rate
from mapsys.core.relay_path import Rtr
from mapsys.core.site import ProxyReply, Replay
from mapsys.core_setup import settings_of
from mapsys.datapath.contract import Listening
from mapsys.eid import EidPrefix
from mapsys.engine_choice import EngineChoice
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import Action, RlocRecord

LOCAL = (Endpoint("127.0.0.1", 4342),)
WALL_OFFSET = 1_700_000_000.0

FULL = """\
node: ms1.example
state: /var/lib/mapsys
control: {listen: [127.0.0.1:4342]}
http: {listen: 127.0.0.1:8042}
authority: [{prefix: 198.18.0.0/16}]
map-server:
  replay: strict
  proxy-reply: never
  registration-lifetime: 240s
  path-mtu: 1400
  petr: [{address: 192.0.2.99}]
  rtrs: [{address: 192.0.2.80}, {address: 192.0.2.81, key-id: 7, secret: rtr-secret}]
  info-requests: any
  history: {retention: 1d}
  rate-limits: {requests-per-source: 7/s burst 9}
map-resolver: {map-servers: [192.0.2.7:4342]}
sites:
  - name: plain
    keys: [{id: 1, algorithm: hmac-sha-256-128, secret: plain-secret}]
    eids: [{prefix: 198.18.1.0/24}]
  - name: special
    keys:
      - id: 7
        algorithms: [hmac-sha-1-96, hmac-sha-256-128+hkdf-sha256]
        secret: special-secret
        next-secret: special-next
        not-before: 2023-11-14T22:14:20Z
      - {id: 8, algorithm: hmac-sha-256-128, secret: visitor, holder: plain}
    eids:
      - {prefix: 198.18.2.0/24, accept-more-specifics: true, more-specifics-limit: 50}
    rlocs: [192.0.2.0/24]
    notify-port: source
    replay: "off"
    proxy-reply: always
    mac-scope: records
    deny: drop-policy-denied
    pitr: drop
    rate-limits: {registers-per-site: 3/s burst 4}
    static: [{prefix: 198.18.2.0/25, ttl: 2h, locators: [{address: 192.0.2.1, weight: 9}]}]
    enabled: false
  - name: unlimited
    keys: [{id: 1, secret: unlimited-secret}]
    eids: [{prefix: 198.18.3.0/24}]
    rate-limits: off
"""


def loaded(tmp_path: Path, text: str = FULL) -> Config:
    path = tmp_path / "mapsys.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def signed(secret: str, key: Key | None) -> bool:
    """Whether a core key verifies what a secret has signed."""
    assert key is not None
    message = MapRegister(1, 1, 2, bytes(32), ()).octets()
    return key.verify(Key(secret.encode()).sign(message))


def test_the_servers_settings_reach_the_core(tmp_path: Path) -> None:
    settings = settings_of(loaded(tmp_path), LOCAL, WALL_OFFSET)
    assert settings.map_server
    assert settings.map_resolver
    assert settings.local == LOCAL
    assert settings.authority == (EidPrefix.parse("198.18.0.0/16"),)
    assert settings.map_servers == (Endpoint("192.0.2.7", 4342),)
    assert settings.lifetime_seconds == 240
    assert settings.path_mtu == 1400
    assert settings.limits.requests_per_source == Rate(7, 9)
    assert settings.wall_offset == WALL_OFFSET
    assert settings.petr == (RlocRecord(ip_address("192.0.2.99"), 1, 100, 255, 0),)
    assert settings.rtrs[0] == Rtr("192.0.2.80")
    assert settings.rtrs[1].key is not None
    assert settings.rtrs[1].key.key_id == 7
    assert "rtr-secret" not in repr(settings)
    assert settings.answer_unsigned_info
    assert settings.history == HistoryLimits(retention_seconds=86_400)
    forgetful = FULL.replace("history: {retention: 1d}", "history: off")
    assert settings_of(loaded(tmp_path, forgetful), LOCAL, WALL_OFFSET).history is None


def test_a_plain_site_follows_the_map_server_section(tmp_path: Path) -> None:
    plain = settings_of(loaded(tmp_path), LOCAL, WALL_OFFSET).sites[0]
    assert plain.replay is Replay.STRICT
    assert plain.proxy_reply is ProxyReply.NEVER
    assert plain.enabled
    assert plain.rlocs is None
    assert plain.deny_action is None
    assert not plain.notify_to_source
    assert not plain.records_only_mac
    assert plain.keys[0].algorithm_ids == {2}
    assert signed("plain-secret", plain.keys[0].current)


def test_every_setting_of_a_site_reaches_the_core(tmp_path: Path) -> None:
    special = settings_of(loaded(tmp_path), LOCAL, WALL_OFFSET).sites[1]
    rotating, visitor = special.keys
    assert rotating.key_id == 7
    assert rotating.algorithm_ids == {1, 3}
    assert signed("special-secret", rotating.current)
    assert signed("special-next", rotating.next)
    assert rotating.valid_from == 60.0
    assert rotating.valid_until is None
    assert visitor.holder == "plain"
    assert special.rules[0].accept_more_specifics
    assert special.rules[0].more_specifics_limit == 50
    assert special.rlocs == (EidPrefix.parse("192.0.2.0/24"),)
    assert special.notify_to_source
    assert special.replay is Replay.OFF
    assert special.proxy_reply is ProxyReply.ALWAYS
    assert special.records_only_mac
    assert special.deny_action == Action.DROP_POLICY_DENIED
    assert special.pitr_action == Action.DROP
    assert special.register_rate == Rate(3, 4)
    (mapping,) = special.static
    assert mapping.eid_prefix == EidPrefix.parse("198.18.2.0/25")
    assert mapping.record_ttl_minutes == 120
    assert mapping.rlocs == (RlocRecord(ip_address("192.0.2.1"), 1, 9, 255, 0),)
    assert not special.enabled


def test_a_site_without_a_budget_is_told_from_one_without_its_own(tmp_path: Path) -> None:
    plain, _, unlimited = settings_of(loaded(tmp_path), LOCAL, WALL_OFFSET).sites
    assert plain.register_rate is None
    assert unlimited.register_rate == UNLIMITED


def test_a_role_without_its_section_is_off(tmp_path: Path) -> None:
    resolver_only = FULL[: FULL.index("map-server:\n")] + FULL[FULL.index("map-resolver:") :]
    resolver_only = resolver_only[: resolver_only.index("sites:")]
    settings = settings_of(loaded(tmp_path, resolver_only), LOCAL, WALL_OFFSET)
    assert not settings.map_server
    assert settings.map_resolver
    assert settings.limits == Limits()
    own = resolver_only.replace("7:4342]}", "7:4342], rate-limits: {requests-per-source: 3/s}}")
    assert settings_of(loaded(tmp_path, own), LOCAL, WALL_OFFSET).limits == Limits(Rate(3, 3))


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mapsys.yaml"
    path.write_text(FULL, encoding="utf-8")
    listen, http = Endpoint("::1", 4342), Endpoint("127.0.0.1", 9000)
    config = ConfigSource(path, tmp_path / "elsewhere", (listen,), http).load()
    assert config.state == tmp_path / "elsewhere"
    assert config.control.listen == (listen,)
    assert config.http is not None
    assert config.http.listen == http
    assert ConfigSource(path).load() == load(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError):
        ConfigSource(path).load()


def told(config: Config, *hosts: str) -> str:
    listening = [Listening(Endpoint(host, 4342), 4 << 20, 0) for host in hosts]
    choice = EngineChoice("pure", "the configuration asks for it")
    return banner(config, choice, listening, 12, Path("/etc/mapsys/mapsys.yaml"))


def test_the_banner_says_what_is_there_and_what_to_type(tmp_path: Path) -> None:
    text = told(loaded(tmp_path), "127.0.0.1", "::1")
    for part in (
        "ms1.example, map-server and map-resolver",
        "UDP 127.0.0.1:4342, receive buffer 4.0 MiB of 8.0 MiB asked for",
        "UDP [::1]:4342",
        "http://127.0.0.1:8042/",
        "12 registrations restored",
        "register 198.18.1.0/24 -m 127.0.0.1:4342 --config /etc/mapsys/mapsys.yaml",
        "lig 198.18.1.1 -m 127.0.0.1:4342",
        "sites --state /var/lib/mapsys",
    ):
        assert part in text


def test_the_banner_shows_no_secret(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert "plain-secret" not in told(config, "127.0.0.1", "::1")
    assert "plain-secret" not in told(config, "192.0.2.1")
