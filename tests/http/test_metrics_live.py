"""A scrape of a running daemon, over the Unix socket in its state folder."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mapsys.http import SOCKET_NAME
from tests.daemon.node import PATIENCE_SECONDS, Node, until, xtr
from tests.programs import require_program


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    try:
        yield made
    finally:
        made.close()


def scrape(node: Node) -> bytes:
    """The body of ``/metrics``."""
    path = node.state / SOCKET_NAME
    until(path.exists, lambda: f"no HTTP socket: {node.said()}")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    return body


def samples(body: bytes) -> dict[tuple[str, ...], float]:
    """By name and label values."""
    return {
        (sample.name.removeprefix("mapsys_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_what_a_daemon_does_is_seen_in_its_metrics(node: Node) -> None:
    node.configure(sites=(("one", "198.18.1.0/24"), ("two", "198.18.2.0/24")))
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        site.registers("198.18.1.128/25")
        for _ in range(5):
            assert site.asks("198.18.1.7") is not None
        assert site.asks("198.18.200.1") is not None
    node.reload()
    until(
        lambda: samples(scrape(node)).get(("event_loop_lag_seconds_count",), 0) > 0,
        lambda: "the loop was not looked at",
    )
    body = scrape(node)
    found = samples(body)
    assert found["map_request_duration_seconds_count",] == 6
    assert 0 < found["map_request_duration_seconds_sum",] < 60
    assert found["journal_commit_duration_seconds_count",] >= 1
    assert found["map_requests_answered_total", "proxy-reply"] == 5
    assert found["map_replies_total", "none"] == 5
    assert found["map_replies_total", "natively-forward"] == 1
    assert found["registrations_active", "ipv4"] == 2
    assert found["more_specifics",] == 1
    assert found["more_specifics_record_bytes",] == 28
    assert found["registrations_active", "ipv6"] == 0
    assert (found["sites", "registered"], found["sites", "unregistered"]) == (1, 1)
    assert found["config_reload_success_total",] == 1
    assert found["daemon_process_resident_memory_bytes",] > 1_000_000
    command = [require_program("promtool", "prometheus"), "check", "metrics"]
    checked = subprocess.run(command, input=body, capture_output=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    assert node.stop() == 0


def test_what_a_reload_no_longer_allows_is_counted_out(node: Node) -> None:
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        assert samples(scrape(node))["sites", "registered"] == 1
    node.config.write_text(
        node.config.read_text(encoding="utf-8").replace("198.18.1.0/24", "198.18.9.0/24"),
        encoding="utf-8",
    )
    node.reload()
    found = samples(scrape(node))
    assert (found["sites", "registered"], found["sites", "unregistered"]) == (0, 1)
    assert found["registrations_active", "ipv4"] == 0
    assert node.stop() == 0
