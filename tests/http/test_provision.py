"""Changing sites over HTTP: who may, over what, on which conditions; and nothing otherwise."""

from __future__ import annotations

import hashlib
import http.client
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mapsys.http.access import ACCESS_NAME, Access, Person, write_access
from mapsys.http.role import Role
from tests.http.authority import Authority
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process
from tests.http.unix_client import Answer, ask, exchange

SECRET = "canary-5b7e-of-a-customer"
SITE: dict[str, Any] = {
    "name": "customer",
    "keys": [{"id": 1, "secret": SECRET}],
    "eids": [{"prefix": "198.18.3.0/24"}],
}
OTHER: dict[str, Any] = {**SITE, "name": "other", "eids": [{"prefix": "198.18.4.0/24"}]}
PATH = "/api/v1/sites/customer"
ORDERS: tuple[tuple[str, str, object], ...] = (
    ("POST", "/api/v1/sites", OTHER),
    ("PUT", PATH, SITE),
    ("PATCH", PATH, {"enabled": False}),
    ("DELETE", PATH, None),
    ("POST", "/api/v1/keys/customer/1/rotate", {}),
    ("POST", "/api/v1/keys/customer/1/finish", None),
    ("POST", "/api/v1/keys/customer/1/abort", None),
    ("GET", "/api/v1/audit", None),
)

Send = Callable[..., Answer]


def person(name: str, role: Role, sites: list[str] | None = None) -> Person:
    return Person(name, hashlib.sha256(name.encode()).hexdigest(), role, sites)


PEOPLE = [
    person("reader", Role.READ),
    person("operator", Role.OPERATE),
    person("tenant", Role.READ, ["customer"]),
    person("administrator", Role.ADMIN),
]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProcess]:
    with Node(tmp_path_factory.mktemp("state")) as node:
        write_access(node.state / ACCESS_NAME, Access(PEOPLE))
        with http_process(node.state, "--access", str(node.state / ACCESS_NAME)) as running:
            yield running


@pytest.fixture
def send(web: HttpProcess) -> Iterator[Send]:
    """Over the Unix socket, with a site of the database there; it is gone afterwards."""

    def over(method: str, path: str, body: object = None, **headers: str) -> Answer:
        return ask(web.state, method, path, body, **headers)

    assert over("POST", "/api/v1/sites", SITE).status == 201
    yield over
    for name in ("customer", "other"):
        gone = over("DELETE", f"/api/v1/sites/{name}", If_Match="*").status
        assert gone in (204, 404)


def over_tcp(web: HttpProcess, who: str, method: str, path: str, body: object) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    headers = {"Authorization": f"Bearer {who}", "If-Match": "*"}
    return exchange(connection, method, path, body, **headers)


@pytest.mark.parametrize("who", ["reader", "operator", "tenant"])
def test_who_is_no_administrator_changes_nothing(web: HttpProcess, send: Send, who: str) -> None:
    before = send("GET", PATH).text
    for method, path, body in ORDERS:
        answer = over_tcp(web, who, method, path, body)
        assert (answer.status, answer.problem) == (403, "forbidden"), (method, path)
    assert send("GET", PATH).text == before
    assert send("GET", "/api/v1/sites/other").status == 404


def test_a_secret_is_taken_and_told_in_clear_by_nobody(web: HttpProcess, send: Send) -> None:
    before = send("GET", PATH).text
    for method, path, body in ORDERS:
        if method not in ("GET", "DELETE"):
            answer = over_tcp(web, "administrator", method, path, body)
            assert (answer.status, answer.problem) == (403, "secret-in-clear"), (method, path)
    assert send("GET", PATH).text == before
    assert over_tcp(web, "administrator", "GET", "/api/v1/audit", None).status == 200
    assert over_tcp(web, "administrator", "DELETE", PATH, None).status == 204


def test_over_tls_an_administrator_adds_a_site(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server", "127.0.0.1")
    context = ssl.create_default_context(cafile=authority.certificate)
    state = tmp_path / "state"
    state.mkdir()
    access = Access(PEOPLE, certificate=str(certificate), key=str(key))
    write_access(state / ACCESS_NAME, access)
    with (
        Node(state) as node,
        http_process(state, "--access", str(state / ACCESS_NAME)) as web,
    ):
        connection = http.client.HTTPSConnection("127.0.0.1", web.port, timeout=30, context=context)
        headers = {"Authorization": "Bearer administrator"}
        made = exchange(connection, "POST", "/api/v1/sites", SITE, **headers)
        assert made.status == 201, made.text
        assert node.sites.named("customer") is not None
        (line,) = ask(state, "GET", "/api/v1/audit").json()["items"]
    assert (line["who"], line["how"], line["from"]) == ("administrator", "token", "127.0.0.1")
    assert (line["result"], line["about"]) == ("done", {"site": "customer"})


def test_null_removes_and_the_rest_stays(send: Send) -> None:
    rates = {"registers-per-site": "100/s"}
    patch = {"deny": "drop", "rate-limits": rates, "place": {"latitude": 1, "longitude": 2}}
    assert send("PATCH", PATH, patch, If_Match="*").status == 200
    changed = send(
        "PATCH",
        PATH,
        {"deny": None, "rate-limits": None, "place": {"name": "here", "latitude": "3"}},
        If_Match="*",
        Content_Type="application/merge-patch+json",
    )
    kept = {name: one for name, one in SITE.items() if name != "keys"}
    assert changed.json()["configuration"] == {
        **kept,
        "keys": [{"id": 1, "secret": "***"}],
        "place": {"name": "here", "latitude": "3", "longitude": 2},
    }


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"colour": "red"}, ""),
        ({"keys": None}, ""),
        ({"name": "another"}, "/name"),
        ({"eids": [{"prefix": 7}]}, "/eids/0/prefix"),
        ({"eids": {}}, "/eids"),
        ({"enabled": "yes"}, "/enabled"),
        ({"keys": [{"id": 2, "secret": "***"}]}, "/keys/0/secret"),
        ({"keys": [{"id": 1, "secret": "***", "next-secret": {}}]}, "/keys/0/next-secret"),
        ({"place": {"latitude": 91}}, "/place/latitude"),
    ],
)
def test_a_wrong_change_is_pointed_at_and_changes_nothing(
    send: Send, patch: object, pointer: str
) -> None:
    before = send("GET", PATH).text
    refused = send("PATCH", PATH, patch, If_Match="*")
    assert (refused.status, refused.problem) == (422, "invalid-site")
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert SECRET not in refused.text
    assert send("GET", PATH).text == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_says_of_what(send: Send, method: str) -> None:
    body = None if method == "DELETE" else SITE
    unsaid = send(method, PATH, body)
    assert (unsaid.status, unsaid.problem) == (428, "precondition-required")
    tag = send("GET", PATH).tag
    assert send("PATCH", PATH, {"enabled": False}, If_Match=f'"no", {tag}').status == 200
    for stale in (tag, '"anything"'):
        refused = send(method, PATH, body, If_Match=stale)
        assert (refused.status, refused.problem) == (412, "stale")
    assert send(method, PATH, body, If_Match=send("GET", PATH).tag).status in (200, 204)
    missing = send(method, "/api/v1/sites/nobody", body, If_Match="*")
    assert (missing.status, missing.problem) == (404, "unknown-site")


def test_an_order_is_carried_out_once(send: Send) -> None:
    first = send("POST", "/api/v1/sites", OTHER, Idempotency_Key="a-1")
    again = send("POST", "/api/v1/sites", OTHER, Idempotency_Key="a-1")
    assert (first.status, first.text, first.tag) == (again.status, again.text, again.tag)
    assert SECRET not in again.text
    noted = send("GET", "/api/v1/audit?limit=2").json()["items"]
    assert [line["about"]["site"] for line in noted] == ["other", "customer"], "noted once"
    changed = {**OTHER, "enabled": False}
    reused = send("POST", "/api/v1/sites", changed, Idempotency_Key="a-1")
    assert (reused.status, reused.problem) == (422, "key-reused")
    for key in ("x" * 256, "two words", ""):
        refused = send("POST", "/api/v1/sites", OTHER, Idempotency_Key=key)
        assert (refused.status, refused.problem) == (400, "invalid-parameter"), key
    longest = send("POST", "/api/v1/sites", OTHER, Idempotency_Key="x" * 255)
    assert (longest.status, longest.problem) == (409, "site-exists")
