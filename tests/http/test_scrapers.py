"""The address for scrapers: metrics and readiness for anyone, and nothing else."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

from mapsys.http_access import hand_over
from tests.daemon.node import free_port
from tests.http.node import Node
from tests.http.process import http_process
from tests.http.test_access import configured

SECTION = """\
http:
  listen: 127.0.0.1:8042
  tokens: [{name: noc, hash: "sha256:%s"}]
  metrics: {listen: "127.0.0.1:%d"}
"""


def asked(port: int, target: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_scrapers_get_metrics_and_nothing_else(tmp_path: Path) -> None:
    with Node(tmp_path) as node:
        port = free_port(kind=socket.SOCK_STREAM)
        config = configured(tmp_path, SECTION % ("0" * 64, port))
        assert config.http is not None
        access = hand_over(config.http, node.state)
        with http_process(node.state, "--access", str(access)) as running:
            for target in ("/metrics", "/livez", "/readyz"):
                assert asked(port, target)[0] == 200, target
            assert b"mapsys_ready 1" in asked(port, "/metrics")[1]
            status, body = asked(port, "/api/v1/status")
            assert (status, json.loads(body)["type"]) == (404, "/problems/unknown-resource")
            assert asked(port, "/version")[0] == 404
            assert running.get("/metrics").status == 401, "elsewhere it takes a token"
