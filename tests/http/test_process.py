"""The HTTP process, as a process, in front of a real query server."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from mapsys.http import SOCKET_NAME
from mapsys.http.limits import BODY_OCTETS_LIMIT, CONNECTIONS_PER_SOURCE_LIMIT
from mapsys.http.problem import CONTENT_TYPE, Problem
from mapsys.http.routes import ROUTES
from tests.http.node import Node, NodeInTheMaking
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register


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


def test_status(web: HttpProcess, node: Node) -> None:
    reply = web.get("/api/v1/status")
    body = reply.json()
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    assert (body["node"], body["ready"], body["sites"]) == ("ms1.example", True, 2)
    assert body["registrations"] == 4
    assert body["listen"][0]["port"] == node.endpoint.port


def test_unix_socket_serves_its_owner(web: HttpProcess, node: Node) -> None:
    path = node.state / SOCKET_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert b'{"version":' in answer


def test_sites_and_one_site(web: HttpProcess) -> None:
    items = web.get("/api/v1/sites").json()["items"]
    assert [(one["name"], one["state"]) for one in items] == [
        ("site-one", "partial"),
        ("site-two", "unregistered"),
    ]
    one = web.get("/api/v1/sites/site-one").json()
    assert one["last_refusal"]["reason"] == "not-configured"
    assert one["last_refusal"]["eid_prefix"] == "198.18.5.0/24"
    assert one["refused"] == 1
    assert "secret" not in json.dumps(one)


def test_registrations_page_by_page(web: HttpProcess) -> None:
    first = web.get("/api/v1/registrations?limit=3")
    body = first.json()
    assert [one["eid_prefix"] for one in body["items"]] == [
        "198.18.1.0/24",
        "198.18.1.128/25",
        '"printer"',
    ]
    assert body["items"][0]["locators"][0]["rloc"] == "127.0.0.2"
    assert body["items"][0]["flags"] == ["proxy-map-reply"]
    assert body["items"][2]["flags"] == []
    following = first.headers["Link"]
    assert following.endswith('>; rel="next"')
    rest = web.get(following[1 : following.index(">")]).json()
    assert [one["eid_prefix"] for one in rest["items"]] == ["2001:db8:e001::/48"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("site=site-one&instance-id=100", ["2001:db8:e001::/48"]),
        ("site=nobody", []),
        ("prefix=198.18.1.0/24", ["198.18.1.0/24"]),
        ("prefix=198.18.1.200&match=longest", ["198.18.1.128/25"]),
        ("prefix=198.18.1.200&match=covering", ["198.18.1.0/24", "198.18.1.128/25"]),
        ("prefix=198.18.0.0/15&match=covered", ["198.18.1.0/24", "198.18.1.128/25"]),
        ("prefix=2001:db8::/32&match=covered&instance-id=100", ["2001:db8:e001::/48"]),
        ("prefix=2001:db8::/32&match=covered", []),
    ],
)
def test_registration_filters(web: HttpProcess, query: str, expected: list[str]) -> None:
    items = web.get(f"/api/v1/registrations?{query}").json()["items"]
    assert [one["eid_prefix"] for one in items] == expected


@pytest.mark.parametrize(
    ("eid", "outcome", "prefix"),
    [
        ("198.18.1.1", "proxy-reply", "198.18.1.0/24"),
        (quote('"printer"'), "forward", '"printer"'),
        ("198.18.4.1", "negative", "198.18.4.0/22"),
        ("198.18.1.0/24", "proxy-reply", "198.18.1.0/24"),
        ("2001:db8:e001::1?instance-id=100", "proxy-reply", "2001:db8:e001::/48"),
        (quote("[100]2001:db8:e001::1"), "proxy-reply", "2001:db8:e001::/48"),
    ],
)
def test_lookup(web: HttpProcess, eid: str, outcome: str, prefix: str) -> None:
    body = web.get(f"/api/v1/lookup/{eid}").json()
    assert (body["outcome"], body["eid_prefix"]) == (outcome, prefix)
    assert body["why"]
    assert (body["record"]["action"] == "natively-forward") == (outcome == "negative")


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/api/v1/sites/nobody", Problem.UNKNOWN_SITE),
        ("/api/v1/nothing", Problem.UNKNOWN_RESOURCE),
        ("/api/v1/status?verbose=1", Problem.INVALID_PARAMETER),
        ("/api/v1/registrations?limit=0", Problem.INVALID_PARAMETER),
        ("/api/v1/registrations?limit=1001", Problem.INVALID_PARAMETER),
        ("/api/v1/registrations?instance-id=4294967296", Problem.INVALID_PARAMETER),
        ("/api/v1/registrations?match=exact", Problem.INVALID_PARAMETER),
        ("/api/v1/registrations?prefix=198.18.1.0/24&match=like", Problem.INVALID_PARAMETER),
        ("/api/v1/registrations?prefix=198.18.1.7/24", Problem.INVALID_EID),
        ("/api/v1/registrations?cursor=AA", Problem.BAD_CURSOR),
        ("/api/v1/registrations?cursor=%FF", Problem.BAD_CURSOR),
        ("/api/v1/lookup/300.1.1.1", Problem.INVALID_EID),
        ("/api/v1/lookup/" + "9" * 3000, Problem.INVALID_EID),
    ],
)
def test_errors_are_problems_with_a_stable_type(
    web: HttpProcess, target: str, problem: Problem
) -> None:
    reply = web.get(target)
    body = reply.json()
    assert reply.status == problem.status
    assert reply.headers["Content-Type"].startswith(CONTENT_TYPE)
    assert body["type"] == problem.uri
    assert body["status"] == problem.status
    assert body["detail"]
    assert web.get(body["type"]).status == 200


def test_only_get_is_taken(web: HttpProcess) -> None:
    reply = web.get("/api/v1/status", method="DELETE")
    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]
    assert web.get("/api/v1/status", method="HEAD").status == 200


def test_a_large_body_is_refused(web: HttpProcess) -> None:
    with web.connect() as connection:
        head = (
            f"GET /version HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_OCTETS_LIMIT + 1}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_health(web: HttpProcess, node: Node) -> None:
    assert web.get("/livez").json() == {"alive": True}
    assert web.get("/readyz").json() == {"ready": True, "not_ready": [], "degraded": []}
    node.not_ready.append("the journal is still being read")
    try:
        reply = web.get("/readyz")
    finally:
        node.not_ready.clear()
    assert reply.status == 503
    assert reply.json()["not_ready"] == ["the journal is still being read"]


def test_a_dribbled_header_ends_by_the_deadline(web: HttpProcess) -> None:
    with web.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        closed = False
        for number in range(40):
            time.sleep(0.5)
            try:
                connection.sendall(f"X-{number}: y\r\n".encode())
            except (BrokenPipeError, ConnectionResetError):
                closed = True
                break
    assert closed


def test_a_connection_stays_open_between_requests(web: HttpProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    for _ in range(3):
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b'{"alive":true}'
    connection.close()


def test_one_source_gets_so_many_connections_and_no_more(web: HttpProcess) -> None:
    held = [web.connect() for _ in range(CONNECTIONS_PER_SOURCE_LIMIT)]
    try:
        with web.connect() as one_too_many:
            assert one_too_many.recv(4096).startswith(b"HTTP/1.1 503 ")
    finally:
        for connection in held:
            connection.close()
    for _ in range(100):
        if web.get("/livez").status == 200:
            return
        time.sleep(0.1)
    raise AssertionError("closed connections still count")


def test_garbage_is_answered_as_an_error(web: HttpProcess) -> None:
    with web.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00 no http at all\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.0 400 ")
    assert web.get("/livez").status == 200


def test_without_a_daemon_every_resource_says_so(tmp_path: Path) -> None:
    with http_process(tmp_path) as web:
        for path in ("status", "sites", "sites/x", "registrations", "lookup/198.18.1.1"):
            reply = web.get(f"/api/v1/{path}")
            assert reply.status == 503
            assert reply.json()["type"] == Problem.DAEMON_AWAY.uri
            assert "query.sock" in reply.json()["detail"]
        assert web.get("/readyz").status == 503
        assert web.get("/livez").status == 200
        assert b"mapsys_daemon_up 0.0" in web.get("/metrics").body


def test_while_the_daemon_loads_its_state_every_probe_hears_so(tmp_path: Path) -> None:
    with NodeInTheMaking(tmp_path), http_process(tmp_path) as web:
        ready = web.get("/readyz")
        assert ready.status == 503
        assert ready.json()["not_ready"] == ["the daemon is starting: its state is not loaded yet"]
        assert web.get("/livez").status == 200
        status = web.get("/api/v1/status")
        assert (status.status, status.json()["type"]) == (503, Problem.DAEMON_AWAY.uri)
        assert "not loaded yet" in status.json()["detail"]


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'mapsys.http', '--state', sys.argv[1],"
        " '--listen', '127.0.0.1:0'], stderr=subprocess.PIPE, text=True)\n"
        "child.stderr.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait(20)
    parent.stdout.close()
    for _ in range(200):
        if not (tmp_path / SOCKET_NAME).exists() and not _is_running(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the HTTP process outlived its parent")


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--listen", "nonsense"], "not HOST:PORT"),
        ([], "--state"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: list[str], message: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mapsys.http", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert message in ended.stderr


def test_a_taken_port_is_named(web: HttpProcess, tmp_path: Path) -> None:
    listen = f"127.0.0.1:{web.port}"
    ended = subprocess.run(
        [sys.executable, "-m", "mapsys.http", "--state", str(tmp_path), "--listen", listen],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert f"port {web.port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_documentation_lists_every_route_and_problem() -> None:
    text = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
    for route in ROUTES:
        assert f"`{route.template}`" in text
    for problem in Problem:
        assert f"`{problem.slug}` | {problem.status} |" in text
