"""Asking a Map-Resolver over HTTP, and the configuration in effect."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mapsys.config.dump import shown
from mapsys.config.load import load
from mapsys.query_measures_rows import PollerRow
from tests.http.node import Node
from tests.http.process import HttpProcess, Reply, http_process
from tests.http.registered import register


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24", "[100]2001:db8:e001::/48")
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


def post(web: HttpProcess, body: object, content_type: str = "application/json") -> Reply:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    try:
        headers = {"Content-Type": content_type}
        connection.request("POST", "/api/v1/map-requests", octets, headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def polling(port: int) -> PollerRow:
    return PollerRow(
        map_resolvers=[("127.0.0.1", port)],
        eids=None,
        interval_seconds=60,
        timeout_seconds=2,
        slow_milliseconds=200,
        keep_dumps=2,
        petr=[],
    )


@pytest.mark.parametrize(
    ("body", "prefix", "negative"),
    [
        ({"eid": "198.18.1.9"}, "198.18.1.0/24", False),
        ({"eid": "198.18.1.0/24"}, "198.18.1.0/24", False),
        ({"eid": "2001:db8:e001::1", "instance_id": 100}, "2001:db8:e001::/48", False),
        ({"eid": "[100]2001:db8:e001::1"}, "2001:db8:e001::/48", False),
        ({"eid": "198.18.4.1"}, "198.18.4.0/22", True),
    ],
)
def test_this_node_is_asked_as_by_an_itr(
    web: HttpProcess, node: Node, body: dict[str, Any], prefix: str, negative: bool
) -> None:
    before = node.counters().get("answered.proxy-reply", 0)
    reply = post(web, body)
    assert reply.status == 200, reply.body
    told = reply.json()
    assert (told["record"]["eid_prefix"], told["negative"]) == (prefix, negative)
    assert (told["map_replier"], told["requests_sent"]) == ("127.0.0.1", 1)
    assert bool(told["record"]["locators"]) is not negative
    assert node.counters().get("answered.proxy-reply", 0) == before + (not negative)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({}, 400, "invalid-request"),
        (b"", 400, "invalid-request"),
        (b"\xff", 400, "invalid-request"),
        ([], 400, "invalid-request"),
        ({"eid": 7}, 400, "invalid-request"),
        ({"eid": "198.18.1.9", "count": 5}, 400, "invalid-request"),
        ({"eid": "198.18.1.9", "instance_id": -1}, 400, "invalid-request"),
        ({"eid": "300.1.1.1"}, 400, "invalid-eid"),
        ({"eid": "198.18.1.9", "map_resolver": "192.0.2.1:4342"}, 400, "unknown-map-resolver"),
        ({"eid": "198.18.1.9", "map_resolver": "resolver.example:1"}, 400, "unknown-map-resolver"),
        ({"eid": "198.18.1.9", "map_resolver": ""}, 400, "unknown-map-resolver"),
        (b'{"eid": "' + b"1" * 300_000 + b'"}', 413, "body-too-large"),
    ],
)
def test_what_cannot_be_asked_is_not_sent(
    web: HttpProcess, body: object, status: int, problem: str
) -> None:
    reply = post(web, body)
    assert (reply.status, reply.json()["type"]) == (status, f"/problems/{problem}")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_what_a_foreign_page_could_post_is_refused(web: HttpProcess, content_type: str) -> None:
    reply = post(web, {"eid": "198.18.1.9"}, content_type)
    assert (reply.status, reply.json()["type"]) == (415, "/problems/unsupported-media")


def test_a_map_resolver_of_the_poller_may_be_named(web: HttpProcess, node: Node) -> None:
    node.poller_row = polling(node.endpoint.port)
    try:
        reply = post(web, {"eid": "198.18.1.9", "map_resolver": str(node.endpoint)})
    finally:
        node.poller_row = None
    assert reply.status == 200


def test_silence_is_told(web: HttpProcess, node: Node) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        node.poller_row = polling(port)
        try:
            reply = post(web, {"eid": "198.18.1.9", "map_resolver": f"127.0.0.1:{port}"})
        finally:
            node.poller_row = None
    assert (reply.status, reply.json()["type"]) == (504, "/problems/no-map-reply")
    assert f"127.0.0.1:{port}" in reply.json()["detail"]


def test_the_configuration_in_effect_is_shown(web: HttpProcess) -> None:
    told = web.get("/api/v1/config").json()
    assert told == {
        "config_hash": "0123abcd",
        "sites": 2,
        "settings": {"node": "ms1.example"},
        "warnings": [],
    }


def test_what_is_shown_of_a_configuration_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "mapsys.yaml"
    path.write_text(
        "node: ms1\n"
        "control: {listen: [127.0.0.1:4342]}\n"
        "map-server: {rtrs: [{address: 192.0.2.9, secret: hidden-one}]}\n"
        f"http: {{listen: 127.0.0.1:1, tokens: [{{name: a, hash: 'sha256:{'5' * 64}'}}]}}\n"
        "sites: [{name: s, keys: [{id: 1, secret: hidden-two}], eids: [{prefix: 10.0.0.0/8}]}]\n"
    )
    told = shown(load(path))
    text = json.dumps(told)
    assert "hidden" not in text
    assert "5555" not in text
    assert "sites" not in told
    assert told["node"] == "ms1"
    assert '"replay": "auto"' in text
