"""What a tenant sees of EIDs: its own sites, and no sign of anybody else's."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable, Iterator

import pytest

from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix
from mapsys.http.access import ACCESS_NAME, Access, Person, write_access
from mapsys.http.event_stream import event_id
from mapsys.http.role import Role
from mapsys.wire.auth import Key
from tests.http.event_reader import reading
from tests.http.node import Node
from tests.http.process import HttpProcess, Reply, http_process
from tests.http.registered import register

TOKEN = "a token of the middle"
SECRETS = {name: f"the secret of {name}".encode() for name in ("around", "middle", "inside")}
LOCATORS = {"around": "192.0.2.101", "middle": "192.0.2.102", "inside": "192.0.2.103"}
FOREIGN = ("around", "inside", "192.0.2.101", "192.0.2.103", "198.18.0.0/16", "198.18.1.64/26")
"""What names the others: sites, locators, EID-Prefixes."""


def site(name: str, *prefixes: str) -> LispSite:
    keys = (SiteKey(1, frozenset({2}), Key(SECRETS[name])),)
    rules = tuple(EidRule(EidPrefix.parse(one), accept_more_specifics=True) for one in prefixes)
    return LispSite(name, keys, rules)


SITES = (
    site("around", "198.18.0.0/16"),
    site("middle", "198.18.1.0/24", "198.18.3.0/24"),
    site("inside", "198.18.1.64/26"),
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state"), SITES) as running:
        for name, *prefixes in (
            ("around", "198.18.0.0/16"),
            ("inside", "198.18.1.64/26"),
            ("middle", "198.18.1.0/24", "198.18.1.9/32"),
        ):
            register(running, *prefixes, secret=SECRETS[name], rloc=LOCATORS[name])
        write_access(
            running.state / ACCESS_NAME,
            Access(
                [
                    Person(
                        "tenant", hashlib.sha256(TOKEN.encode()).hexdigest(), Role.READ, ["middle"]
                    )
                ]
            ),
        )
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state, "--access", str(node.state / ACCESS_NAME)) as running:
        yield running


@pytest.fixture(scope="module")
def ask(web: HttpProcess) -> Callable[[str], Reply]:
    def get(target: str) -> Reply:
        return web.get(target, Authorization=f"Bearer {TOKEN}")

    return get


Ask = Callable[[str], Reply]
RESOURCES = ("lookup", "explain", "history")


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("eid", ["198.18.1.5", "198.18.1.9", "198.18.1.0%2F24", "198.18.3.1"])
def test_own_eids_are_answered_without_a_sign_of_the_others(
    ask: Ask, resource: str, eid: str
) -> None:
    reply = ask(f"/api/v1/{resource}/{eid}")
    assert reply.status == 200
    text = json.dumps(reply.json()).replace("explain", "")
    for foreign in FOREIGN:
        assert foreign not in text, (foreign, text)


def test_own_answers_say_what_is_registered_and_by_whom(ask: Ask) -> None:
    found = ask("/api/v1/lookup/198.18.1.9").json()
    assert (found["site"], found["eid_prefix"]) == ("middle", "198.18.1.9/32")
    assert LOCATORS["middle"] in json.dumps(found["registrations"][0]["locators"])
    explained = ask("/api/v1/explain/198.18.1.5").json()
    assert explained["rule"] == "198.18.1.0/24"
    assert [record["eid_prefix"] for record in explained["answer"]] == ["198.18.1.0/24"]
    assert {reason["topic"] for reason in explained["reasons"]} == {"site", "registration", "key"}
    (entry, _) = ask("/api/v1/history/198.18.1.9").json()["items"]
    assert (entry["what"], entry["site"], entry["key_id"]) == ("registered", "middle", 1)


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(
    "eid", ["198.18.1.70", "198.18.9.9", "198.18.0.0%2F16", "203.0.113.1", "%5B7%5D198.18.1.5"]
)
def test_another_s_eids_and_nobody_s_are_answered_alike(ask: Ask, resource: str, eid: str) -> None:
    reply = ask(f"/api/v1/{resource}/{eid}")
    body = reply.json()
    assert (reply.status, body["type"]) == (404, "/problems/unknown-eid")
    for foreign in FOREIGN:
        assert foreign not in body["detail"]


@pytest.mark.parametrize("target", ["changes", "registrations", "sites"])
def test_lists_hold_nothing_of_the_others(ask: Ask, node: Node, target: str) -> None:
    query = f"?session={node.events.session}&serial=0" if target == "changes" else ""
    reply = ask(f"/api/v1/{target}{query}")
    assert reply.status == 200
    text = reply.body.decode()
    assert "198.18.1.0/24" in text
    for foreign in FOREIGN:
        assert foreign not in text


def test_the_events_are_those_of_the_own_sites(web: HttpProcess, node: Node) -> None:
    over = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    first = {"Authorization": f"Bearer {TOKEN}", "Last-Event-ID": event_id(node.events.session, 0)}
    with reading(node.state, over=over, **first) as stream:
        told = [stream.next(), stream.next()]
        # Now those of the others come first, and a refusal of theirs.
        node.on_its_thread(lambda: _everybody_registers(node))
        while told[-1].data["eid_prefix"] != "198.18.1.10/32":
            told.append(stream.next())
    assert {event.data["site"] for event in told} == {"middle"}
    assert [event.data["eid_prefix"] for event in told] == [
        "198.18.1.0/24",
        "198.18.1.9/32",
        "198.18.1.10/32",
    ]
    text = json.dumps([event.data for event in told])
    assert not any(foreign in text for foreign in FOREIGN)


def _everybody_registers(node: Node) -> None:
    for name, prefix, secret in (
        ("around", "198.18.9.0/24", "around"),
        ("inside", "198.18.1.65/32", "inside"),
        ("inside", "198.18.1.66/32", "around"),
        ("middle", "198.18.1.10/32", "middle"),
    ):
        register(node, prefix, secret=SECRETS[secret], rloc=LOCATORS[name])


def test_what_is_of_the_node_stays_refused(ask: Ask) -> None:
    for target in ("status", "config"):
        assert ask(f"/api/v1/{target}").status == 403, target
