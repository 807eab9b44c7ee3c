"""``/metrics`` as a scraper finds it, and the page that lists what it may find."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix, Family
from mapsys.http.metrics_doc import LABELS, markdown
from mapsys.http.metrics_families import FAMILIES, series_names
from mapsys.query_alt_rows import (
    AltAggregateRow,
    AltPage,
    AltPeerRow,
    AltQuestion,
    AltRow,
    AltTraceRow,
    AltTunnelRow,
)
from mapsys.wire.auth import Key
from tests.http.node import SECRET, Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register
from tests.programs import require_program

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
"""By the name of the series and its labels in order."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24", "198.18.1.128/25", "[100]2001:db8:e001::/48")
        register(running, '"printer"', proxy_map_reply=False)
        register(running, "198.18.5.0/24", "198.18.1.0/24")
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


def scraped(web: HttpProcess) -> Samples:
    """A scrape, read by the library of those who scrape."""
    body = web.get("/metrics").body.decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def test_a_scrape_tells_what_was_counted_and_measured(web: HttpProcess) -> None:
    web.get("/api/v1/status")
    samples = scraped(web)

    def value(name: str, **labels: str) -> float:
        return samples[f"mapsys_{name}", tuple(sorted(labels.items()))]

    assert value("daemon_up") == 1
    assert value("config_info", hash="0123abcd") == 1
    assert value("config_reload_failed_total") == 2
    assert value("config_reload_success_total") == 3
    assert value("registrations_active", af="ipv4") == 2
    assert value("registrations_active", af="ipv6") == 1
    assert value("registrations_active", af="name") == 1
    assert value("registrations_active", af="mac") == 0
    assert value("registrations_refused_total", reason="not-configured") == 1
    assert value("registrations_changed_total", change="first") == 4
    assert value("registrations_expired_total") == 0
    assert value("map_request_duration_seconds_bucket", le="0.001") == 7
    assert value("map_request_duration_seconds_bucket", le="0.01") == 9
    assert value("map_request_duration_seconds_bucket", le="+Inf") == 10
    assert value("map_request_duration_seconds_count") == 10
    assert value("map_request_duration_seconds_sum") == 0.25
    assert value("http_request_duration_seconds_count", code="200", route="/api/v1/status") == 1
    assert value("daemon_process_resident_memory_bytes") > 1_000_000
    assert value("http_process_cpu_seconds_total") > 0


def test_sites_are_counted_by_state_and_followed(web: HttpProcess, node: Node) -> None:
    def states() -> dict[str, float]:
        wanted = {(state, (("state", state),)) for state in ("registered", "partial")}
        wanted.add(("unregistered", (("state", "unregistered"),)))
        samples = scraped(web)
        return {state: samples["mapsys_sites", labels] for state, labels in wanted}

    assert states() == {"registered": 0, "partial": 1, "unregistered": 1}
    register(node, "198.18.2.0/24", secret=b"the secret of site two")
    assert states() == {"registered": 1, "partial": 1, "unregistered": 0}


def test_single_sites_are_there_where_they_are_asked_for(web: HttpProcess, node: Node) -> None:
    label = (("site", "site-one"),)
    assert ("mapsys_site_registered", label) not in scraped(web)
    node.per_site = True
    samples = scraped(web)
    assert samples["mapsys_site_registered", label] == 0
    assert samples["mapsys_site_registered", (("site", "site-two"),)] == 1
    assert samples["mapsys_site_last_registration_timestamp_seconds", label] >= node.started_at - 60


def test_promtool_finds_nothing_to_say_about_a_scrape(web: HttpProcess) -> None:
    command = [require_program("promtool", "prometheus"), "check", "metrics"]
    checked = subprocess.run(
        command,
        input=web.get("/metrics").body,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_openmetrics_is_given_to_those_who_ask_for_it(web: HttpProcess) -> None:
    wanted = web.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert wanted.headers["Content-Type"].startswith("application/openmetrics-text")
    assert wanted.body.endswith(b"# EOF\n")


def test_every_series_of_a_scrape_is_one_of_those_listed(web: HttpProcess) -> None:
    listed = series_names()
    for name, labels in scraped(web):
        assert name in listed or name.removesuffix("_created") + "_count" in listed, name
        known = {"le"}.union(*(family.labels for family in FAMILIES.values()))
        assert {label for label, _ in labels} <= known


def test_without_a_daemon_a_scrape_says_so(tmp_path: Path) -> None:
    with http_process(tmp_path) as web:
        samples = scraped(web)
    assert samples["mapsys_daemon_up", ()] == 0
    assert ("mapsys_ready", ()) not in samples


class Rows:
    """An ALT that shows these rows, two to a page."""

    def __init__(self, **rows: list[AltRow]) -> None:
        self._rows = rows

    async def page(self, question: AltQuestion) -> AltPage:
        rows = self._rows[question.what]
        start = int((question.cursor or b"0").decode())
        following = str(start + 2).encode() if start + 2 < len(rows) else None
        return AltPage(rows[start : start + 2], following)

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        raise LookupError(f"no way to {eid} is known here")


def alt_peer(name: str, state: str, refused: int) -> AltPeerRow:
    return AltPeerRow(
        *(7, name, "alt2", "child", "10.255.0.1", 65_101, None, state, None, None),
        *([], 3, refused, 2, 40, 1, "region", "msp"),
    )


def alt_block(prefix: str, kind: str, announced: bool, suppressed: int) -> AltAggregateRow:
    return AltAggregateRow(7, EidPrefix.parse(prefix).pack(), kind, announced, 1, 2, suppressed)


def alt_tunnel(name: str | None, **dropped: int) -> AltTunnelRow:
    return AltTunnelRow(7, name, "userspace", None, None, [], None, 5, 500, 6, 600, dropped)


def test_the_alt_is_told_of_where_there_is_one(web: HttpProcess, node: Node) -> None:
    assert ("mapsys_alt_aggregates", ()) not in scraped(web)
    node.alt = Rows(
        peers=[alt_peer("a", "up", 0), alt_peer("b", "down", 12), alt_peer("c", "up", 0)],
        aggregates=[
            alt_block("198.18.0.0/21", "own", True, 5),
            alt_block("198.18.8.0/21", "own", False, 2),
            alt_block("198.18.16.0/21", "backup", False, 0),
        ],
        tunnels=[alt_tunnel("a", returned=3), alt_tunnel(None, duplicate=1)],
    )
    try:
        body = web.get("/metrics").body.decode()
        samples = scraped(web)
    finally:
        node.alt = None

    def value(name: str, **labels: str) -> float:
        return samples[f"mapsys_{name}", tuple(sorted({**labels, "instance_id": "7"}.items()))]

    assert value("bgp_peer_state", peer="b", state="down") == 1
    assert value("bgp_peer_state", peer="b", state="up") == 0
    assert value("bgp_peer_state", peer="c", state="up") == 1
    assert value("bgp_routes_received", peer="b", verdict="refused") == 12
    assert value("bgp_routes_told", peer="a") == 2
    assert value("bgp_updates_received_total", peer="a") == 40
    assert value("alt_aggregates", kind="own", state="announced") == 1
    assert value("alt_aggregates", kind="own", state="withdrawn") == 1
    assert value("alt_aggregates", kind="backup", state="withdrawn") == 1
    assert value("alt_suppressed_more_specifics") == 5
    assert value("alt_tunnel_packets_total", tunnel="a", direction="out") == 6
    assert value("alt_packets_dropped_total", tunnel="none", reason="duplicate") == 1
    assert body.count("mapsys_alt_tunnel_bytes_total{") == 2


def many_sites(count: int) -> list[LispSite]:
    """Sites with an EID-Prefix each."""
    key = Key(SECRET)
    return [
        LispSite(
            f"site-{number:05}",
            (SiteKey(1, frozenset({2}), key),),
            (EidRule(EidPrefix(0, Family.IPV4, (10 << 24) + (number << 8), 24)),),
        )
        for number in range(count)
    ]


def test_ten_thousand_sites_are_looked_at_once_and_never_swept(tmp_path: Path) -> None:
    with Node(tmp_path, many_sites(10_000)) as node, http_process(tmp_path) as web:
        unregistered = "mapsys_sites", (("state", "unregistered"),)
        assert scraped(web)[unregistered] == 10_000
        assert node.site_states.stale == 0
        register(node, "10.0.7.0/24")
        assert node.site_states.stale == 1
        first = web.get("/metrics").body
        assert b'mapsys_sites{state="registered"} 1.0' in first
        assert b"site-0" not in first
        assert len(first) < 100_000
        node.per_site = True
        assert web.get("/metrics").body.count(b"\nmapsys_site_registered{") == 10_000


def test_the_page_is_made_of_the_families() -> None:
    written = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m mapsys.http.metrics_doc > docs/metrics.md"


def test_names_follow_the_conventions() -> None:
    for family in FAMILIES.values():
        assert re.fullmatch(r"mapsys_[a-z_]+", family.exposed_name)
        assert family.help.endswith(".")
        assert set(family.labels) <= set(LABELS)
