"""Sites that come by the API: in force at once, after kill -9, beside files, and never a secret."""

from __future__ import annotations

import json
import os
import signal
import stat
import tarfile
from typing import Any

from click.testing import CliRunner

from mapsys.cli.main import cli
from mapsys.wire.auth import Key
from tests.daemon.node import PATIENCE_SECONDS, Node, until, xtr
from tests.http import unix_client
from tests.http.unix_client import Answer

CANARY = "canary-7c1f-the-secret-of-a-customer"
NEXT_CANARY = "canary-93aa-the-next-secret-of-a-customer"
SITE = {
    "name": "customer",
    "keys": [{"id": 1, "secret": CANARY}],
    "eids": [{"prefix": "198.18.7.0/24", "accept-more-specifics": True}],
    "notify-port": "source",
}


def ask(node: Node, method: str, path: str, body: object = None, **headers: str) -> Answer:
    return unix_client.ask(node.state, method, path, body, **headers)


def started(node: Node) -> None:
    node.start()

    def answers() -> bool:
        try:
            return ask(node, "GET", "/readyz").status == 200
        except OSError:
            return False

    until(answers, lambda: f"no HTTP: {node.said()}")


def registers(
    node: Node,
    secret: str = CANARY,
    prefix: str = "198.18.7.0/24",
    patience: float = PATIENCE_SECONDS,
) -> bool:
    """Whether a Map-Register is acknowledged."""
    with xtr(node.address) as etr:
        etr.nonce = int.from_bytes(os.urandom(7))
        etr.register(prefix, key=Key(secret.encode()))
        return etr.hears(patience) is not None


def gets_silence(node: Node, secret: str = CANARY, prefix: str = "198.18.7.0/24") -> bool:
    return not registers(node, secret, prefix, patience=0.3)


def told_by(node: Node, *command: str) -> str:
    """What a command prints, or puts into the bundle that it makes."""
    bundle = node.folder / "bundle.tar.gz"
    file = [str(bundle)] if command == ("diag",) else []
    done = CliRunner().invoke(cli, [*command, *file, "--state", str(node.state)])
    assert done.exit_code == 0, done.output
    if not file:
        return done.output
    with tarfile.open(bundle) as opened:
        parts = [opened.extractfile(one) for one in opened]
        return "".join(part.read().decode() for part in parts if part is not None)


def audit(node: Node) -> list[dict[str, Any]]:
    lines = (node.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_site_is_in_force_when_it_is_answered_and_after_kill_9(node: Node) -> None:
    started(node)
    made = ask(node, "POST", "/api/v1/sites", SITE, X_Request_Id="order-1")
    assert (made.status, made.headers["Location"]) == (201, "/api/v1/sites/customer")
    node.end_by(signal.SIGKILL)
    started(node)
    assert registers(node)
    found = ask(node, "GET", "/api/v1/sites/customer")
    assert (found.json()["origin"], found.json()["state"]) == ("database", "registered")
    assert ask(node, "GET", "/api/v1/sites/site-one").json()["origin"] == "file"
    assert stat.S_IMODE((node.state / "sites.db").stat().st_mode) == 0o600
    # What was read is what may be changed; a refresh meanwhile is no change of it.
    assert registers(node)
    smaller = {**SITE, "keys": [{"id": 1, "secret": "***"}], "eids": [{"prefix": "198.18.8.0/24"}]}
    put = ask(node, "PUT", "/api/v1/sites/customer", smaller, If_Match=found.tag)
    assert put.status == 200, put.text
    assert ask(node, "GET", "/api/v1/registrations?site=customer").json()["items"] == []
    assert gets_silence(node)
    assert registers(node, prefix="198.18.8.0/24"), "*** keeps the secret"
    stale = ask(node, "DELETE", "/api/v1/sites/customer", If_Match=found.tag)
    assert (stale.status, stale.problem) == (412, "stale")
    unsaid = ask(node, "DELETE", "/api/v1/sites/customer")
    assert (unsaid.status, unsaid.problem) == (428, "precondition-required")
    assert ask(node, "DELETE", "/api/v1/sites/customer", If_Match=put.tag).status == 204
    assert ask(node, "GET", "/api/v1/sites/customer").status == 404
    assert gets_silence(node, prefix="198.18.8.0/24")
    node.end_by(signal.SIGKILL)
    started(node)
    assert ask(node, "GET", "/api/v1/sites/customer").status == 404
    noted = [(line["what"], line["result"].partition(":")[0]) for line in audit(node)]
    assert noted == [
        ("site-create", "done"),
        ("site-replace", "done"),
        ("site-delete", "refused"),
        ("site-delete", "done"),
    ]
    first = audit(node)[0]
    assert (first["who"], first["how"]) == (f"uid {os.getuid()}", "unix")
    assert (first["site"], first["request_id"]) == ("customer", "order-1")
    shown = ask(node, "GET", "/api/v1/audit?limit=1").json()
    assert shown["items"][0]["what"] == "site-delete"
    older = ask(node, "GET", f"/api/v1/audit?limit=3&cursor={shown['next']}").json()
    assert [one["result"][:7] for one in older["items"]] == ["refused", "done", "done"]
    assert older["next"] is None


def test_a_key_is_rotated_without_a_gap_and_nobody_sees_a_secret(node: Node) -> None:
    started(node)
    ask(node, "POST", "/api/v1/sites", SITE)
    path = "/api/v1/keys/customer/1"
    begun = ask(node, "POST", f"{path}/rotate", {"secret": NEXT_CANARY})
    assert (begun.status, begun.json()["secret"]) == (200, None)
    again = ask(node, "POST", f"{path}/rotate", {})
    assert (again.status, again.problem) == (409, "rotation-under-way")
    assert registers(node)
    assert registers(node, NEXT_CANARY)
    (key,) = ask(node, "GET", "/api/v1/sites/customer/keys").json()["items"]
    assert [(use["secret"], use["times"]) for use in key["uses"]] == [("current", 1), ("next", 1)]
    node.end_by(signal.SIGKILL)
    started(node)
    assert registers(node)
    assert registers(node, NEXT_CANARY)
    assert ask(node, "POST", f"{path}/finish").status == 200
    assert gets_silence(node)
    assert registers(node, NEXT_CANARY)
    assert ask(node, "POST", f"{path}/abort").problem == "no-rotation"
    generated = ask(node, "POST", f"{path}/rotate", {"valid_until": "2020-01-01T00:00:00Z"}).json()
    assert gets_silence(node, NEXT_CANARY), "the old one is over"
    assert registers(node, generated["secret"])
    assert ask(node, "POST", f"{path}/abort").status == 200
    assert gets_silence(node, generated["secret"])
    assert registers(node, NEXT_CANARY)
    of_file = ask(node, "POST", "/api/v1/keys/site-one/1/rotate", {})
    assert (of_file.status, of_file.problem) == (409, "of-a-file")
    assert "mapsys.yaml" in of_file.json()["detail"]
    seen = [
        ask(node, "GET", one).text
        for one in (
            "/api/v1/sites",
            "/api/v1/sites/customer",
            "/api/v1/sites/customer/keys",
            "/api/v1/config",
            "/api/v1/audit",
            "/api/v1/status",
        )
    ]
    seen += [node.said(), (node.state / "audit.jsonl").read_text(encoding="utf-8")]
    commands = (
        "sites show customer",
        "export sites -o yaml",
        "export registrations",
        "config diff",
        "diag",
    )
    seen += [told_by(node, *command.split()) for command in commands]
    for secret in (CANARY, NEXT_CANARY, generated["secret"]):
        assert not any(secret in text for text in seen)
    assert node.stop() == 0
    open_to_others = [
        path
        for path in node.state.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes() and path.stat().st_mode & 0o077
    ]
    assert open_to_others == []


def test_what_is_wrong_is_said_and_nothing_is_changed(node: Node) -> None:
    started(node)
    assert ask(node, "POST", "/api/v1/sites", SITE, Idempotency_Key="k-1").status == 201
    first = ask(node, "POST", "/api/v1/sites", SITE, Idempotency_Key="k-1")
    assert (first.status, first.headers["Location"]) == (201, "/api/v1/sites/customer")
    other = {**SITE, "name": "other", "eids": [{"prefix": "198.18.9.0/24"}]}
    reused = ask(node, "POST", "/api/v1/sites", other, Idempotency_Key="k-1")
    assert (reused.status, reused.problem) == (422, "key-reused")

    def refused(body: object, **headers: str) -> tuple[int, str, str]:
        answer = ask(node, "POST", "/api/v1/sites", body, **headers)
        errors = answer.json().get("errors", [])
        place = errors[0]["pointer"] if errors else answer.json()["detail"]
        return answer.status, answer.problem, place

    assert refused(SITE)[:2] == (409, "site-exists")
    taken = refused({**other, "eids": [{"prefix": "198.18.1.0/24"}]})
    assert taken[:2] == (409, "prefix-taken")
    assert "site 'site-one' at" in taken[2]
    held = refused({**other, "eids": [{"prefix": "198.18.7.0/24"}]})
    assert "site 'customer' in the database" in held[2]
    wrong = {**other, "keys": [{"id": 1, "secret": [CANARY]}], "colour": "red"}
    assert refused(wrong) == (422, "invalid-site", "")
    pointers = [
        one["pointer"] for one in ask(node, "POST", "/api/v1/sites", wrong).json()["errors"]
    ]
    assert pointers == ["", "/keys/0/secret"]
    secret_file = {**other, "keys": [{"id": 1, "secret-file": "/etc/hostname"}]}
    assert refused(secret_file) == (422, "invalid-site", "/keys/0/secret-file")
    twice = {**other, "eids": [{"prefix": "198.18.9.0/24"}, {"prefix": "198.18.9.0/24"}]}
    assert refused(twice) == (422, "invalid-site", "/eids/1/prefix")
    for nonsense in (b"{", b"[]", b'{"a":1,"a":2}', b"[" * 100_000, b'"\xff"'):
        assert refused(nonsense)[:2] == (422, "invalid-site")
    assert refused(b" " * 300_000)[0] == 413
    assert refused(other, Content_Type="text/plain")[:2] == (415, "unsupported-media")
    of_file = ask(node, "PUT", "/api/v1/sites/site-one", other, If_Match="*")
    assert (of_file.status, of_file.problem) == (409, "of-a-file")
    assert "mapsys.yaml:" in of_file.json()["detail"]
    renamed = ask(node, "PUT", "/api/v1/sites/customer", other, If_Match="*")
    assert renamed.json()["errors"][0]["pointer"] == "/name"
    names = [one["name"] for one in ask(node, "GET", "/api/v1/sites").json()["items"]]
    assert names == ["customer", "site-one"]


def test_an_override_is_amended_and_answered(node: Node) -> None:
    started(node)
    ask(node, "POST", "/api/v1/sites", SITE)
    assert registers(node)
    patch = {"override": [{"rloc": "192.0.2.9", "priority": 9, "weight": 33}]}
    with xtr(node.address) as itr:
        before = itr.asks("198.18.7.1")
        assert before is not None
        assert before.records[0].rlocs[0].priority == 1
        amended = ask(node, "PATCH", "/api/v1/sites/customer", patch, If_Match="*")
        assert amended.json()["configuration"]["override"] == patch["override"]
        after = itr.asks("198.18.7.1")
        assert after is not None
        told = after.records[0].rlocs[0]
        assert (told.priority, told.weight) == (9, 33)
    assert registers(node), "the secret is kept"
    gone = ask(node, "PATCH", "/api/v1/sites/customer", {"override": None}, If_Match="*")
    assert "override" not in gone.json()["configuration"]


def test_files_give_way_to_no_site_of_the_database_and_say_so_once(node: Node) -> None:
    started(node)
    ask(node, "POST", "/api/v1/sites", SITE)
    node.configure(sites=(("site-one", "198.18.1.0/24"), ("site-two", "198.18.2.0/24")))
    assert "reloaded" in {line["event"] for line in node.reload()}
    assert registers(node)
    node.configure(sites=(("site-one", "198.18.1.0/24"), ("other", "198.18.7.0/24")))
    lines = node.reload()
    (fault,) = [line["fault"] for line in lines if line["event"] == "config-fault"]
    assert "198.18.7.0/24 belongs to site 'customer' in the database already" in fault
    assert fault.startswith(str(node.config))
    assert registers(node)

    def reloads() -> list[str]:
        return [line["result"][:7] for line in audit(node) if line["what"] == "reload"]

    until(lambda: reloads() == ["done", "refused"], lambda: f"{audit(node)}")
    node.stop()
    code, said = node.fails_to_start()
    assert code == 6
    assert "in the database already" in said
