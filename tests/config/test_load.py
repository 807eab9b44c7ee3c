"""A whole configuration: defaults, included files, what sections say together."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from mapsys.config.document import DOCUMENT_LIMIT_OCTETS
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.config.model import (
    DEFAULT_RATE_LIMITS,
    NO_RATE_LIMITS,
    Config,
    Control,
    HistoryConfig,
    LocatorConfig,
    MapServerConfig,
    RateLimit,
    SiteRateLimits,
)
from mapsys.config.sites import SITES
from mapsys.core import history, limiter, site
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from tests.config.files import GOOD, SITE, put

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "mapsys.yaml"

EXAMPLE = """\
node: ms1.example
state: state
control: {listen: [127.0.0.1:4342, "[::1]:4342"], receive-buffer: 1MiB}
http: {listen: 127.0.0.1:8042}
authority:
  - {prefix: 198.18.0.0/21}
  - {prefix: 2001:db8:e000::/40, instance-id: 100}
map-server:
  replay: strict
  proxy-reply: always
  mac-scope: records
  rate-limits: {requests-per-source: 5/s burst 7, replies-per-prefix: off}
  registration-lifetime: 5m
  restart-grace: 2h
  path-mtu: 1400
  petr: [{address: 192.0.2.99, priority: 2}]
  rtrs: [{address: 192.0.2.80}, {address: 2001:db8::80, key-id: 7, secret: a-laboratory-secret-3}]
  info-requests: any
  history: {per-eid: 3, entries: 7, retention: 2d}
map-resolver: {map-servers: [192.0.2.1, "[2001:db8::1]:4343"]}
sites:
  - name: site-one
    keys:
      - id: 1
        algorithms: [hmac-sha-256-128, hmac-sha-1-96]
        secret: a-laboratory-secret-1
        next-secret: a-laboratory-secret-2
        not-before: 2026-01-01T00:00:00Z
        not-after: 2027-01-01T00:00:00Z
      - {id: 2, secret: a-laboratory-secret-3, holder: site-two}
    eids:
      - {prefix: 198.18.1.0/24, accept-more-specifics: true, more-specifics-limit: 50}
      - {prefix: 2001:db8:e001::/48, instance-id: 100}
    rlocs: [192.0.2.0/24, 2001:db8::/32]
    notify-port: source
    replay: "off"
    proxy-reply: never
    mac-scope: whole
    rate-limits: {registers-per-site: 10/s burst 20}
    honour-authoritative: true
    deny: drop-policy-denied
    pitr: natively-forward
    static:
      - prefix: 198.18.1.7/32
        ttl: 2h
        locators: [{address: 192.0.2.1}, {address: 2001:db8::1, m-priority: 1, m-weight: 5}]
    place: {name: Zurich, latitude: 47.38, longitude: -8.5}
    enabled: false
"""


def faults_of(path: Path) -> list[str]:
    """The faults of a file, each without the folder in front."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [str(fault).removeprefix(f"{path.parent}/") for fault in caught.value.faults]


def test_a_small_file_has_every_default(tmp_path: Path) -> None:
    config = load(put(tmp_path, GOOD))
    assert config == Config(
        node="ms1.example",
        state=Path("/var/lib/mapsys"),
        control=Control((Endpoint("127.0.0.1", 4342),), 8 * 1024 * 1024),
        map_server=MapServerConfig(
            replay="auto",
            proxy_reply="as-requested",
            mac_scope="whole",
            rate_limits=DEFAULT_RATE_LIMITS,
            registration_lifetime_seconds=180,
            restart_grace_seconds=3600,
            path_mtu_octets=None,
        ),
    )
    assert config.warnings == ()


def test_every_setting_arrives_in_the_model(tmp_path: Path) -> None:
    config = load(put(tmp_path, EXAMPLE))
    assert config.state == tmp_path / "state"
    assert config.control.listen == (Endpoint("127.0.0.1", 4342), Endpoint("::1", 4342))
    assert config.control.receive_buffer_octets == 1024 * 1024
    assert config.http is not None
    assert config.http.listen == Endpoint("127.0.0.1", 8042)
    assert list(map(str, config.authority)) == ["198.18.0.0/21", "[100]2001:db8:e000::/40"]
    server = config.map_server
    assert server is not None
    assert (server.replay, server.proxy_reply, server.mac_scope) == ("strict", "always", "records")
    assert server.rate_limits.requests_per_source == RateLimit(5, 7)
    assert server.rate_limits.replies_per_prefix is None
    assert server.rate_limits.registers_per_site == DEFAULT_RATE_LIMITS.registers_per_site
    assert (server.registration_lifetime_seconds, server.restart_grace_seconds) == (300, 7200)
    assert server.path_mtu_octets == 1400
    assert server.petr == (LocatorConfig("192.0.2.99", 2, 100, 255, 0),)
    assert [(rtr.address, rtr.key_id) for rtr in server.rtrs] == [
        ("192.0.2.80", 0),
        ("2001:db8::80", 7),
    ]
    assert server.rtrs[0].secret is None
    assert server.rtrs[1].secret is not None
    assert server.rtrs[1].secret.reveal() == b"a-laboratory-secret-3"
    assert server.info_requests == "any"
    assert server.history == HistoryConfig(3, 7, 172_800)
    assert config.map_resolver is not None
    assert config.map_resolver.map_servers == (
        Endpoint("192.0.2.1", 4342),
        Endpoint("2001:db8::1", 4343),
    )
    (one,) = config.sites
    assert [key.id for key in one.keys] == [1, 2]
    assert one.keys[0].algorithms == ("hmac-sha-256-128", "hmac-sha-1-96")
    assert one.keys[0].secret.reveal() == b"a-laboratory-secret-1"
    assert one.keys[0].next_secret is not None
    assert one.keys[0].next_secret.reveal() == b"a-laboratory-secret-2"
    assert one.keys[0].not_before is not None
    assert one.keys[0].not_before.isoformat() == "2026-01-01T00:00:00+00:00"
    assert one.keys[0].not_after is not None
    assert one.keys[1].algorithms == ("hmac-sha-256-128",)
    assert one.keys[1].holder == "site-two"
    assert str(one.eids[1].prefix) == "[100]2001:db8:e001::/48"
    assert one.eids[1].instance_id == 100
    assert one.eids[0].accept_more_specifics
    assert (one.eids[0].more_specifics_limit, one.eids[0].more_specifics_warning) == (50, 40)
    assert one.rlocs == (EidPrefix.parse("192.0.2.0/24"), EidPrefix.parse("2001:db8::/32"))
    assert (one.notify_port, one.replay, one.proxy_reply) == ("source", "off", "never")
    assert (one.mac_scope, one.deny) == ("whole", "drop-policy-denied")
    assert one.rate_limits == SiteRateLimits(RateLimit(10, 20))
    assert one.pitr == "natively-forward"
    (mapping,) = one.static
    assert (str(mapping.prefix), mapping.ttl_minutes) == ("198.18.1.7/32", 120)
    assert mapping.locators[1] == LocatorConfig("2001:db8::1", 1, 100, 1, 5)
    assert one.honour_authoritative
    assert not one.enabled


def test_rate_limits_are_switched_off_by_one_word(tmp_path: Path) -> None:
    text = GOOD.replace("{}", "{rate-limits: off}")
    server = load(put(tmp_path, text)).map_server
    assert server is not None
    assert server.rate_limits == NO_RATE_LIMITS


def test_a_node_that_only_resolves_has_its_budgets_in_its_own_section(tmp_path: Path) -> None:
    text = GOOD.replace(
        "map-server: {}", "map-resolver: {map-servers: [192.0.2.1], rate-limits: off}"
    )
    resolver = load(put(tmp_path, text)).map_resolver
    assert resolver is not None
    assert resolver.rate_limits == NO_RATE_LIMITS


def test_a_site_may_be_without_a_budget(tmp_path: Path) -> None:
    (one,) = load(put(tmp_path, GOOD + SITE + "    rate-limits: off\n")).sites
    assert one.rate_limits == SiteRateLimits(None)
    (one,) = load(put(tmp_path, GOOD + SITE + "    rate-limits: default\n    pitr: answer\n")).sites
    assert one.rate_limits is None
    assert one.pitr is None


def test_no_history_is_kept_where_it_is_off(tmp_path: Path) -> None:
    server = load(put(tmp_path, GOOD.replace("{}", "{history: off}"))).map_server
    assert server is not None
    assert server.history is None
    assert HistoryConfig() == HistoryConfig(
        *dataclasses.astuple(history.HistoryLimits())  # the core's own defaults
    )


def test_a_static_mapping_may_be_in_any_instance(tmp_path: Path) -> None:
    text = SITE.replace("198.18.1.0/24}", "198.18.1.0/24, instance-id: 5}") + (
        "    static: [{prefix: 198.18.1.7/32, instance-id: 5, locators: [{address: 192.0.2.1}]}]\n"
    )
    config = load(put(tmp_path, GOOD + text))
    assert str(config.sites[0].static[0].prefix) == "[5]198.18.1.7/32"
    assert SITES.write(config.sites)[0]["static"][0]["instance-id"] == "5"  # type: ignore[index]


def test_a_static_mapping_stays_out_of_a_site_inside_its_own(tmp_path: Path) -> None:
    inner = SITE + (
        "  - name: outer\n    keys: [{id: 1, secret: a-laboratory-secret-2}]\n"
        "    eids: [{prefix: 198.18.0.0/16}]\n"
        "    static: [{prefix: 198.18.1.7/32, locators: [{address: 192.0.2.1}]}]\n"
    )
    (fault,) = faults_of(put(tmp_path, GOOD + inner))
    assert "198.18.1.7/32 belongs to site 'site-one', not to 'outer'" in fault


def test_more_locators_than_a_record_holds_are_a_fault(tmp_path: Path) -> None:
    locators = ", ".join(f"{{address: 192.0.2.{number}}}" for number in range(33))
    (fault,) = faults_of(put(tmp_path, GOOD.replace("{}", f"{{petr: [{locators}]}}")))
    assert "33 locators; at most 32 are allowed" in fault


def test_defaults_are_those_of_the_core() -> None:
    ours, core = DEFAULT_RATE_LIMITS, limiter.Limits()
    for name in (
        "requests_per_source",
        "replies_per_destination",
        "replies_per_prefix",
        "registers_per_site",
        "requests_per_network",
        "replies_per_network",
        "unproven_registers_per_source",
        "unproven_registers_per_network",
        "first_bursts",
    ):
        rate, core_rate = getattr(ours, name), getattr(core, name)
        assert (rate.per_second, rate.burst) == (core_rate.per_second, core_rate.burst)
    assert (ours.ipv4_network, ours.ipv6_network) == (core.ipv4_network, core.ipv6_network)


def test_words_are_those_of_the_core(tmp_path: Path) -> None:
    for replay in site.Replay:
        load(put(tmp_path, GOOD.replace("{}", f"{{replay: {replay.value}}}")))
    for proxy_reply in site.ProxyReply:
        load(put(tmp_path, GOOD.replace("{}", f"{{proxy-reply: {proxy_reply.value}}}")))


def test_included_files_are_read_sorted_and_from_their_own_folders(tmp_path: Path) -> None:
    put(tmp_path, "one", "sites.d/one.key", 0o600)
    second = SITE.replace("secret: a-laboratory-secret-1", "secret-file: one.key")
    put(tmp_path, second.replace("site-one", "site-b"), "sites.d/b.yaml")
    first = SITE.replace("site-one", "site-a").replace("198.18.1.0", "198.18.2.0")
    put(tmp_path, first, "sites.d/a.yaml")
    put(tmp_path, "not: read", "sites.d/.hidden.yaml")
    own = SITE.replace("198.18.1.0", "198.18.3.0")
    config = load(put(tmp_path, GOOD + "include: [sites.d/*.yaml, sites.d/a.yaml]\n" + own))
    assert [one.name for one in config.sites] == ["site-one", "site-a", "site-b"]
    assert config.sites[2].keys[0].secret.file == tmp_path / "sites.d" / "one.key"
    assert config.include == ("sites.d/*.yaml", "sites.d/a.yaml")


def test_an_include_pattern_may_match_nothing_yet(tmp_path: Path) -> None:
    assert load(put(tmp_path, GOOD + "include: sites.d/*.yaml\n")).sites == ()


def test_a_name_or_prefix_held_twice_names_both_places(tmp_path: Path) -> None:
    put(tmp_path, SITE, "sites.d/a.yaml")
    put(tmp_path, SITE.replace("site-one", "site-two"), "sites.d/b.yaml")
    put(tmp_path, SITE.replace("198.18.1.0", "198.18.2.0"), "sites.d/c.yaml")
    assert faults_of(put(tmp_path, GOOD + "include: sites.d/*.yaml\n")) == [
        "sites.d/b.yaml:4:21: sites[0].eids[0].prefix: 198.18.1.0/24 belongs to site 'site-one' at"
        f" {tmp_path}/sites.d/a.yaml:4:21 already; an EID-Prefix belongs to one site",
        "sites.d/c.yaml:2:11: sites[0].name: 'site-one' is the name of the site at"
        f" {tmp_path}/sites.d/a.yaml:2:11 already; give each site a name of its own",
    ]


def test_a_prefix_inside_that_of_another_site_is_no_conflict(tmp_path: Path) -> None:
    inside = "  - " + SITE.split("  - ")[1]
    inside = inside.replace("site-one", "site-two").replace("198.18.1.0/24", "198.18.1.128/25")
    assert len(load(put(tmp_path, GOOD + SITE + inside)).sites) == 2


def test_faults_of_all_files_come_together(tmp_path: Path) -> None:
    put(tmp_path, "sites: [{name: x}]", "sites.d/a.yaml")
    put(tmp_path, "sites: []\ninclude: more.yaml\n", "sites.d/b.yaml")
    put(tmp_path, "sites: a: b", "sites.d/c.yaml")
    put(tmp_path, "", "sites.d/d.yaml")
    put(tmp_path, "sites: none", "sites.d/e.yaml")
    (tmp_path / "sites.d" / "f.yaml").mkdir()
    found = faults_of(put(tmp_path, "nod: x\ninclude: sites.d/*.yaml\n"))
    assert [fault.partition(": ")[0] for fault in found] == [
        "mapsys.yaml:1:1",
        "mapsys.yaml:1:1",
        "mapsys.yaml:1:1",
        "sites.d/a.yaml:1:9",
        "sites.d/a.yaml:1:9",
        "sites.d/b.yaml:2:1",
        "sites.d/c.yaml:1:9",
        "sites.d/d.yaml:1:1",
        "sites.d/e.yaml:1:8",
        "sites.d/f.yaml",
    ]


def test_too_many_included_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapsys.config.load.INCLUDE_LIMIT", 2)
    for number in range(3):
        put(tmp_path, "sites: []", f"sites.d/{number}.yaml")
    (fault,) = faults_of(put(tmp_path, GOOD + "include: sites.d/*.yaml\n"))
    assert fault.endswith("include: 3 files are included; at most 2 are allowed")


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "no.yaml") == ["no.yaml: cannot be read: No such file or directory"]
    os.mkfifo(tmp_path / "pipe.yaml")
    assert faults_of(tmp_path / "pipe.yaml") == [
        "pipe.yaml: cannot be read: it is not a regular file"
    ]
    with open(tmp_path / "huge.yaml", "wb") as file:
        file.truncate(DOCUMENT_LIMIT_OCTETS * 10)
    assert faults_of(tmp_path / "huge.yaml") == [
        "huge.yaml: larger than 32 MiB; split it with include:"
    ]


def test_a_secret_that_two_sites_share_is_warned_about(tmp_path: Path) -> None:
    text = (
        GOOD
        + """\
sites:
  - {name: one, keys: [{id: 1, secret: one secret for all}], eids: [{prefix: 10.1.0.0/16}]}
  - {name: two, keys: [{id: 1, secret: one secret for all}], eids: [{prefix: 10.2.0.0/16}]}
"""
    )
    (warning,) = load(put(tmp_path, text)).warnings
    assert warning.path == "sites[1].keys[0]"
    assert "the secret is that of site 'one' as well" in warning.message


def test_oddities_are_warnings_with_their_place(tmp_path: Path) -> None:
    text = GOOD + (
        "http: {listen: 192.0.2.1:8042, unprotected: true}\n"
        "authority: [{prefix: 198.18.0.0/21}]\n"
        "sites:\n"
        "  - name: site-one\n"
        "    keys: [{id: 1, secret: short}]\n"
        "    eids: [{prefix: 10.0.0.0/8}, {prefix: 198.18.1.0/24}, {prefix: '\"printer\"'}]\n"
    )
    path = put(tmp_path, text)
    assert [str(warning) for warning in load(path).warnings] == [
        f"{path}:4:16: http.listen: the status interface is open beyond this machine, as"
        " unprotected: says",
        f"{path}:8:12: sites[0].keys[0]: the secret is under 16 octets long",
        f"{path}:9:21: sites[0].eids[0].prefix: 10.0.0.0/8 lies outside authority:, so this node"
        " answers for it but never says that a part of it does not exist",
    ]


def test_authority_is_everything_unless_it_is_bounded(tmp_path: Path) -> None:
    assert load(put(tmp_path, GOOD)).authority == ()
    assert load(put(tmp_path, GOOD + "authority: everything\n")).authority == ()


ALT = """\
alt:
  - instance-id: 7
    as: 65201
    router-id: 10.254.0.11
    level: msp
    blocks: [198.18.0.0/21]
    tunnels:
      - {name: arin, remote: 192.0.2.1, inner: 10.255.0.13/31, role: parent, peer-as: 65101}
"""


def test_alt_blocks_are_the_authority_of_a_node_that_names_none(tmp_path: Path) -> None:
    config = load(put(tmp_path, GOOD + ALT))
    assert config.authority == (EidPrefix.parse("[7]198.18.0.0/21"),)
    (instance,) = config.alt
    assert instance.name == "ms1.example"


def test_faults_of_the_alt_section_stand_with_the_others(tmp_path: Path) -> None:
    text = GOOD.replace("{}", "{reply: x}") + ALT.replace("router-id", "router")
    assert faults_of(put(tmp_path, text)) == [
        "mapsys.yaml:3:14: map-server: unknown key 'reply'; did you mean 'replay'?",
        "mapsys.yaml:5:5: alt[0]: 'router-id' is missing; give an IPv4 address such as 10.254.0.11",
        "mapsys.yaml:7:5: alt[0]: unknown key 'router'; did you mean 'router-id'?",
    ]


def test_the_demo_is_in_order_and_warns_of_nothing() -> None:
    config = load(DEMO)
    assert config.state == DEMO.parents[2] / "run" / "demo"
    assert config.warnings == ()
    assert config.map_server is not None
    assert config.map_resolver is not None
    assert "site-one" in [one.name for one in config.sites]


def test_five_thousand_sites_load(tmp_path: Path) -> None:
    lines = ["sites:"]
    for number in range(5_000):
        lines += [
            f"  - name: site-{number}",
            "    keys:",
            f"      - {{id: 1, secret: a-laboratory-secret-{number}}}",
            "    eids:",
            f"      - {{prefix: 10.{number >> 8}.{number & 255}.0/24}}",
            f"      - {{prefix: 2001:db8:{number:x}::/48, instance-id: {number}}}",
        ]
    config = load(put(tmp_path, GOOD + "\n".join(lines) + "\n"))
    assert len(config.sites) == 5_000
    assert config.sites[4_999].name == "site-4999"
