"""Subscriptions and prefixes for PITRs, over the interface."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mapsys.cli.main import cli
from mapsys.core.effects import Endpoint
from mapsys.core.subscriptions import State, SubscriberDetails
from mapsys.eid import EidPrefix, Family
from mapsys.http.pitr_feed import SETS_REMEMBERED, PitrFeed, fewest
from tests.http.node import SITE_ONE, SITE_TWO, Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register

EID = EidPrefix.parse("198.18.1.0/24")
FEED = "/api/v1/pitr-prefixes"


@pytest.fixture
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


networks = st.builds(
    lambda bits, length: EidPrefix(0, Family.IPV4, bits >> 32 - length << 32 - length, length),
    st.integers(0, 255).map(lambda n: 10 << 24 | n << 8),
    st.integers(16, 28),
)


@given(st.lists(networks, max_size=40))
def test_the_fewest_prefixes_are_those_of_the_standard_library(prefixes: list[EidPrefix]) -> None:
    expected = ipaddress.collapse_addresses(ipaddress.IPv4Network(str(one)) for one in prefixes)
    assert [str(one) for one in fewest(prefixes)] == [str(one) for one in expected]


def test_pitrs_are_told_what_sites_may_register_or_have_registered(
    web: HttpProcess, node: Node
) -> None:
    register(node, "198.18.1.0/26", "198.18.1.64/26", "198.18.1.7/32", "[100]2001:db8:e001::/48")
    body = web.get(FEED).json()
    assert (body["prefixes"], body["reset"]) == (["198.18.1.0/24", "198.18.2.0/24"], False)
    registered = web.get(f"{FEED}?of=registered").json()
    assert registered["prefixes"] == ["198.18.1.0/25"]
    text = web.get(f"{FEED}?of=registered", Accept="text/plain")
    assert (text.headers.get_content_type(), text.body) == ("text/plain", b"198.18.1.0/25\n")
    tag = web.get(FEED).headers["ETag"]
    assert web.get(FEED, **{"If-None-Match": tag}).status == 304
    assert web.get(f"{FEED}?of=all").json()["type"] == "/problems/invalid-parameter"


def test_changes_lead_from_one_set_to_the_next(web: HttpProcess, node: Node) -> None:
    before = web.get(f"{FEED}?of=registered").json()
    register(node, "198.18.1.0/25")
    after = web.get(f"{FEED}?of=registered&since={before['tag']}").json()
    assert (after["announce"], after["withdraw"], after["prefixes"]) == (["198.18.1.0/25"], [], [])
    register(node, "198.18.1.128/25")
    last = web.get(f"{FEED}?of=registered&since={after['tag']}").json()
    assert (last["announce"], last["withdraw"]) == (["198.18.1.0/24"], ["198.18.1.0/25"])
    lost = web.get(f"{FEED}?of=registered&since=nonsense").json()
    assert (lost["reset"], lost["prefixes"]) == (True, ["198.18.1.0/24"])


def test_a_site_that_is_switched_off_is_not_announced(tmp_path: Path) -> None:
    sites = (SITE_ONE, replace(SITE_TWO, enabled=False))
    with Node(tmp_path, sites) as node, http_process(node.state) as web:
        assert web.get(FEED).json()["prefixes"] == ["198.18.1.0/24"]


def test_old_sets_are_forgotten() -> None:
    feed = PitrFeed()
    sets = [[EidPrefix.parse(f"10.{n}.0.0/16")] for n in range(SETS_REMEMBERED + 1)]
    tags = [feed.take(one) for one in sets]
    assert feed.since(tags[0], sets[-1]) is None
    assert feed.since(tags[1], sets[-1]) == (sets[-1], sets[1])


def test_subscriptions_come_in_pages(web: HttpProcess, node: Node) -> None:
    details = SubscriberDetails(
        State.ACTIVE, 3, 2, 7, EID, Endpoint("127.0.0.1", 4342), ("192.0.2.9",)
    )
    inside = EidPrefix.parse("198.18.1.7/32")
    for eid, number in itertools.product((inside, EID), range(3)):
        node.on_its_thread(
            lambda eid=eid, number=number: node.store.subscriptions.put(  # type: ignore[misc]
                eid,
                bytes([number]) * 16,
                nonce=number,
                deadline=float("inf"),
                details=details.pack(),
            )
        )
    whole = web.get("/api/v1/subscriptions").json()["items"]
    assert [(one["eid_prefix"], one["last_nonce"]) for one in whole] == [
        *(("198.18.1.0/24", n) for n in range(3)),
        *(("198.18.1.7/32", n) for n in range(3)),
    ]
    assert whole[0] | {"xtr_id": ""} == {
        "eid_prefix": "198.18.1.0/24",
        "instance_id": 0,
        "xtr_id": "",
        "state": "active",
        "itr_rlocs": ["192.0.2.9"],
        "key_id": 3,
        "temporary": False,
        "ends_at": None,
        "last_nonce": 0,
    }
    paged, cursor = [], ""
    for _ in range(3):
        page = web.get(f"/api/v1/subscriptions?limit=2{cursor}").json()
        paged += page["items"]
        cursor = f"&cursor={page['next']}"
    assert (paged, page["next"]) == (whole, None)
    one = web.get("/api/v1/subscriptions?prefix=[0]198.18.1.0%2F24&limit=2").json()
    rest = web.get(f"/api/v1/subscriptions?prefix=198.18.1.0%2F24&cursor={one['next']}").json()
    assert (one["items"] + rest["items"], rest["next"]) == (whole[:3], None)
    assert web.get("/api/v1/subscriptions?prefix=198.18.1.0%2F25").json()["items"] == []
    reasons = web.get("/api/v1/explain/198.18.1.7").json()["reasons"]
    told = [one["text"] for one in reasons if one["topic"] == "subscription"]
    assert [text.partition(":")[0] for text in told] == [
        "3 xTRs hear of changes of 198.18.1.7/32",
        "3 xTRs hear of changes of 198.18.1.0/24",
    ]


def test_the_command_tells_what_changed_since_a_tag(web: HttpProcess, node: Node) -> None:
    def told(since: str) -> list[str]:
        command = ["pitr-prefixes", "--of", "registered", "--since", since]
        result = CliRunner().invoke(cli, [*command, "--state", str(node.state)])
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    register(node, "198.18.1.0/26")
    tag, *rest = told("0")
    assert rest == ["reset", "announce 198.18.1.0/26"]
    node.on_its_thread(lambda: register(node, "198.18.1.64/26"))
    later, *rest = told(tag.removeprefix("tag "))
    assert (later == tag, rest) == (
        False,
        ["withdraw 198.18.1.0/26", "announce 198.18.1.0/25"],
    )
