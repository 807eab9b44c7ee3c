"""Filters of registrations, alone and together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mapsys.core.publish import read_record
from mapsys.eid import EidPrefix
from mapsys.query_filters import has_locator
from mapsys.wire.address import ip_address
from mapsys.wire.lcaf import AfiList
from mapsys.wire.records import RlocRecord
from tests.core.world import record
from tests.http.node import SITE_ONE, SITE_TWO, Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register

XTR_ID = bytes(range(16))
OTHER_XTR_ID = bytes(reversed(range(16)))
STATIC = "198.18.2.0/24"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    static = replace(SITE_TWO, static=(record(STATIC, "192.0.2.77"),))
    with Node(tmp_path_factory.mktemp("state"), (SITE_ONE, static)) as running:
        running.engine.settle(0.0)
        register(running, "198.18.1.0/24", rloc="192.0.2.1")
        register(running, "198.18.1.7/32", xtr_id=XTR_ID, rloc="192.0.2.2")
        register(running, "198.18.1.7/32", xtr_id=OTHER_XTR_ID, rloc="192.0.2.3")
        register(running, "198.18.1.8/32", xtr_id=XTR_ID, rloc="192.0.2.2")
        eid = EidPrefix.parse("198.18.1.8/32")
        now, _ = running.clocks()
        running.store.touch(eid, XTR_ID, deadline=now + 60, digest=bytes(16))
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=registered", ["198.18.1.0/24", "198.18.1.7/32"]),
        ("state=late", ["198.18.1.8/32"]),
        ("state=former", ["198.18.1.7/32"]),
        ("state=static", [STATIC]),
        ("locator=192.0.2.2", ["198.18.1.7/32", "198.18.1.8/32"]),
        ("locator=192.0.2.77", [STATIC]),
        ("locator=2001:db8::1", []),
        (f"xtr-id={XTR_ID.hex()}", ["198.18.1.7/32", "198.18.1.8/32"]),
        (f"xtr-id={OTHER_XTR_ID.hex().upper()}", ["198.18.1.7/32"]),
        (f"xtr-id={XTR_ID.hex()}&state=late&locator=192.0.2.2", ["198.18.1.8/32"]),
        (f"xtr-id={OTHER_XTR_ID.hex()}&locator=192.0.2.2", []),
        ("site=site-one&prefix=198.18.1.0/25&match=covered&locator=192.0.2.3", ["198.18.1.7/32"]),
        ("site=site-two&state=registered", []),
    ],
)
def test_every_filter_that_is_given_has_to_hold(
    web: HttpProcess, query: str, found: list[str]
) -> None:
    items = web.get(f"/api/v1/registrations?{query}").json()["items"]
    assert [item["eid_prefix"] for item in items] == found


@pytest.mark.parametrize(
    "query", ["state=silent", "locator=300.1.1.1", "locator=", "xtr-id=00", f"xtr-id={'z' * 32}"]
)
def test_a_filter_that_means_nothing_is_a_problem(web: HttpProcess, query: str) -> None:
    reply = web.get(f"/api/v1/registrations?{query}")
    assert (reply.status, reply.json()["type"]) == (400, "/problems/invalid-parameter")


def test_a_locator_is_found_inside_a_list_and_octets_alone_are_none() -> None:
    inside = AfiList((ip_address("192.0.2.9"), ip_address("2001:db8::9")))
    octets = record("10.1.0.0/16", RlocRecord(inside, 1, 100, 255, 0)).octets()
    assert read_record(octets).rlocs
    assert has_locator(octets, ip_address("2001:db8::9").packed)
    assert has_locator(octets, ip_address("192.0.2.9").packed)
    assert not has_locator(octets, octets[-4:])


@pytest.mark.parametrize(
    ("given", "taken"), [("abc-1_2.3", True), ("x" * 65, False), ("a b", False), ("", False)]
)
def test_an_answer_names_its_request(web: HttpProcess, given: str, taken: bool) -> None:
    reply = web.get("/api/v1/lookup/nonsense", **{"X-Request-Id": given})
    name = reply.headers["X-Request-Id"]
    assert (name == given) is taken
    assert name
    assert reply.json()["request_id"] == name
    again = web.get("/livez", **{"X-Request-Id": given})
    assert (again.headers["X-Request-Id"] == given) is taken
