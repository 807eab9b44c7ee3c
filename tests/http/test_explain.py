"""Explanations, histories, keys and the order to forget a nonce, over the interface."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mapsys.advice import OTHERWISE, advice
from mapsys.core.effects import Effect, Registered
from mapsys.core.reasons import Drop, Refusal
from mapsys.http import SOCKET_NAME
from mapsys.net.audit import NAME
from tests.http.node import Node
from tests.http.process import HttpProcess, Reply, http_process
from tests.http.registered import register

XTR_ID = bytes(range(16))
OTHER_XTR_ID = bytes(reversed(range(16)))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24", "198.18.1.128/25")
        register(running, "198.18.1.7/32", xtr_id=XTR_ID)
        register(running, "198.18.1.7/32", xtr_id=OTHER_XTR_ID, rloc="127.0.0.3")
        register(running, "198.18.5.0/24", "198.18.1.0/24")
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


def post(web: HttpProcess, target: str, body: bytes = b"") -> Reply:
    """A POST over the Unix socket."""
    connection = _Unix(web.state / SOCKET_NAME)
    try:
        connection.request("POST", target, body=body)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def test_an_explanation_has_the_answer_and_every_reason_in_order(web: HttpProcess) -> None:
    body = web.get("/api/v1/explain/198.18.1.200").json()
    assert (body["outcome"], body["site"], body["rule"]) == (
        "proxy-reply",
        "site-one",
        "198.18.1.0/24",
    )
    assert [record["eid_prefix"] for record in body["answer"]] == ["198.18.1.128/25"]
    topics = [reason["topic"] for reason in body["reasons"]]
    assert topics == ["site", "registration", "key", "answer", "limit"]
    assert body["registrations"][0]["eid_prefix"] == "198.18.1.128/25"
    assert body["etr"] is None
    assert "secret of site" not in json.dumps(body)


def test_a_hole_and_what_is_elsewhere_are_explained_too(web: HttpProcess) -> None:
    hole = web.get("/api/v1/explain/198.18.7.1").json()
    assert (hole["outcome"], hole["site"], hole["rule"]) == ("negative", None, None)
    assert hole["answer"][0]["action"] == "natively-forward"
    elsewhere = web.get("/api/v1/explain/192.0.2.1?instance-id=5").json()
    assert (elsewhere["outcome"], elsewhere["instance_id"]) == ("elsewhere", 5)
    assert elsewhere["answer"] == []


def test_moves_are_told_with_the_eid_that_moved(web: HttpProcess) -> None:
    (move,) = web.get("/api/v1/explain/198.18.1.7").json()["moves"]
    assert move["previous"] == [{"registrant": XTR_ID.hex(), "host": "127.0.0.2"}]
    assert move["to"] == {"registrant": OTHER_XTR_ID.hex(), "host": "127.0.0.2"}
    assert (move["eid_prefix"], move["site"]) == ("198.18.1.7/32", "site-one")


def test_a_history_comes_in_pages_and_in_all_forms(web: HttpProcess) -> None:
    target = "/api/v1/history/198.18.1.7"
    page = web.get(f"{target}?limit=2").json()
    whole = web.get(target).json()
    assert [item["what"] for item in whole["items"]] == ["moved", "registered", "registered"]
    assert page["items"] == whole["items"][:2]
    rest = web.get(f"{target}?limit=2&cursor={page['next']}").json()
    assert rest == {"items": whole["items"][2:], "next": None}
    moved, first, _ = whole["items"]
    assert moved["previous"] == [{"registrant": XTR_ID.hex(), "host": "127.0.0.2"}]
    assert (moved["by"]["registrant"], moved["key_id"]) == (OTHER_XTR_ID.hex(), 1)
    assert first["previous"] == [{"registrant": "127.0.0.2", "host": "127.0.0.2"}]
    lines = web.get(target, Accept="application/x-ndjson").body.splitlines()
    assert [json.loads(line) for line in lines] == whole["items"]
    assert web.get(f"{target}?cursor=AAAA").json()["type"] == "/problems/bad-cursor"
    assert [item["what"] for item in web.get("/api/v1/history/198.18.2.8").json()["items"]] == []


@pytest.mark.parametrize("resource", ["explain", "history"])
def test_what_is_no_eid_and_unknown_parameters_are_refused(web: HttpProcess, resource: str) -> None:
    assert web.get(f"/api/v1/{resource}/300.1.1.1").json()["type"] == "/problems/invalid-eid"
    reply = web.get(f"/api/v1/{resource}/198.18.1.1?verbose=1")
    assert reply.json()["type"] == "/problems/invalid-parameter"


def test_a_refusal_says_what_to_do(web: HttpProcess) -> None:
    last = web.get("/api/v1/sites/site-one").json()["last_refusal"]
    assert last["reason"] == "not-configured"
    assert last["what_to_do"] == advice("not-configured")


def test_there_is_advice_for_what_can_stand_beside_a_site() -> None:
    beside_a_site = [
        *Refusal,
        Drop.UNKNOWN_KEY_ID,
        Drop.KEY_NOT_VALID_NOW,
        Drop.ALGORITHM_NOT_ALLOWED,
        Drop.AUTHENTICATION_FAILED,
        Drop.REPLAYED,
        Drop.OLD_MAP_VERSION,
        Drop.RATE_LIMITED,
    ]
    for reason in beside_a_site:
        assert advice(reason) != OTHERWISE, reason
    assert advice("truncated") == OTHERWISE


def test_keys_are_listed_with_their_use_and_without_secrets(web: HttpProcess) -> None:
    reply = web.get("/api/v1/sites/site-one/keys")
    (key,) = reply.json()["items"]
    assert key["key_id"] == 1
    assert key["algorithms"] == [
        "hmac-sha-1-96",
        "hmac-sha-256-128",
        "hmac-sha-256-128+hkdf-sha256",
    ]
    assert key["valid_now"]
    assert not key["has_next_secret"]
    assert (key["uses"][0]["secret"], key["uses"][0]["times"]) == ("current", 3)
    assert b"the secret" not in reply.body
    unused = web.get("/api/v1/sites/site-two/keys").json()["items"][0]
    assert unused["uses"] == []
    assert web.get("/api/v1/sites/nobody/keys").json()["type"] == "/problems/unknown-site"


FORGET = "/api/v1/sites/site-one/keys/1/forget-nonce"


def changed(effects: list[Effect]) -> bool:
    return any(isinstance(effect, Registered) for effect in effects)


def test_an_etr_that_lost_its_nonce_starts_again_on_order(tmp_path: Path) -> None:
    with Node(tmp_path) as lost:
        nonces = lost.store.raise_nonce
        register(lost, "198.18.1.9/32", algorithm_id=3, xtr_id=XTR_ID)
        nonces(bytes((1,)) + XTR_ID + b"site-one", 2**63)
        dropped = register(lost, "198.18.1.9/32", algorithm_id=3, xtr_id=XTR_ID)
        assert [getattr(effect, "reason", None) for effect in dropped] == ["replayed"]
        with http_process(tmp_path) as web:
            body = json.dumps({"xtr_id": XTR_ID.hex()}).encode()
            reply = post(web, FORGET, body)
            assert reply.json() == {"nonce": 2**63}
            assert post(web, FORGET, body).json()["type"] == "/problems/no-nonce"
            assert post(web, FORGET).json()["type"] == "/problems/no-nonce"
        assert not changed(dropped)
        accepted = register(lost, "198.18.1.9/32", algorithm_id=3, xtr_id=XTR_ID)
        assert [getattr(effect, "reason", None) for effect in accepted if effect] != ["replayed"]
        trail = tmp_path / NAME
        assert stat.S_IMODE(trail.stat().st_mode) == 0o600
        line, *refused = trail.read_text(encoding="utf-8").splitlines()
        assert [json.loads(one)["result"][:7] for one in refused] == ["refused"] * 2
        row: dict[str, Any] = json.loads(line)
        assert row.pop("at") > 1_700_000_000
        assert row.pop("pid") > 0
        assert row.pop("request_id")
        assert row == {
            "what": "nonce-forgotten",
            "who": f"uid {os.getuid()}",
            "how": "unix",
            "uid": os.getuid(),
            "from": None,
            "result": "done",
            "site": "site-one",
            "key_id": 1,
            "xtr_id": XTR_ID.hex(),
            "nonce": 2**63,
        }


def test_without_its_trail_nothing_is_forgotten(tmp_path: Path) -> None:
    with Node(tmp_path) as careful:
        mark = bytes((1,)) + bytes(16) + b"site-one"
        careful.store.raise_nonce(mark, 77)
        (tmp_path / NAME).mkdir()
        with http_process(tmp_path) as web:
            reply = post(web, FORGET)
        assert (reply.status, reply.json()["type"]) == (503, "/problems/not-done")
        assert "audit trail" in reply.json()["detail"]
        assert careful.store.nonce_mark(mark) == 77


@pytest.mark.parametrize(
    ("target", "body", "problem"),
    [
        ("/api/v1/sites/nobody/keys/1/forget-nonce", b"", "unknown-site"),
        ("/api/v1/sites/site-one/keys/9/forget-nonce", b"", "unknown-key"),
        ("/api/v1/sites/site-one/keys/256/forget-nonce", b"", "invalid-parameter"),
        ("/api/v1/sites/site-one/keys/x/forget-nonce", b"", "invalid-parameter"),
        (FORGET + "?now=1", b"", "invalid-parameter"),
        (FORGET, b"nonsense", "invalid-request"),
        (FORGET, b'{"xtr": "00"}', "invalid-request"),
        (FORGET, b'{"xtr_id": "0011"}', "invalid-request"),
        (FORGET, b'{"xtr_id": "zz"}', "invalid-request"),
    ],
)
def test_orders_that_cannot_be_understood_change_nothing(
    web: HttpProcess, node: Node, target: str, body: bytes, problem: str
) -> None:
    reply = post(web, target, body)
    assert reply.json()["type"] == f"/problems/{problem}"
    trail = node.state / NAME
    lines = trail.read_text(encoding="utf-8").splitlines() if trail.exists() else []
    assert all(json.loads(line)["result"].startswith("refused") for line in lines)


def test_orders_are_taken_at_the_unix_socket_and_by_post_only(web: HttpProcess) -> None:
    reply = web.get(FORGET, method="POST")
    assert (reply.status, reply.json()["type"]) == (403, "/problems/forbidden")
    reply = web.get(FORGET)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


def test_names_in_paths_may_need_quoting(web: HttpProcess) -> None:
    body = web.get("/api/v1/explain/" + quote('"printer"', safe="")).json()
    assert body["rule"] == '"printer"'
