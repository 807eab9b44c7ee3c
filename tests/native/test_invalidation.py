"""A change in the store ends what it may have made wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mapsys.core.effects import Endpoint
from mapsys.core.limiter import Limits
from mapsys.core.settings import Settings
from mapsys.core.site import EidRule, LispSite, ProxyReply, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.records import EidRecord, RlocRecord
from tests.native.servers import Peers, Server, native

SECRET = Key(b"a laboratory secret")
SITE = LispSite(
    "a",
    (SiteKey(1, frozenset((2,)), SECRET),),
    (EidRule(EidPrefix.parse("198.18.0.0/16"), accept_more_specifics=True),),
    notify_to_source=True,
    proxy_reply=ProxyReply.ALWAYS,
)


class Node:
    """A native server with one peer; tells what its core had to look at."""

    def __init__(self) -> None:
        self._peers = Peers([Endpoint("127.0.0.1", 0)])
        self.server = Server(native, Settings((SITE,), (), limits=Limits.off()))
        self._nonce = 0

    def _punted(self, octets: bytes) -> bool:
        before = self.server.datapath.counters().get("punted", 0)
        self._peers.send(0, [octets], self.server.address)
        self.server.turn(1.0)
        self.server.commit(1)
        assert len(self._peers.heard()) == 1
        return self.server.datapath.counters().get("punted", 0) > before

    def register(self, text: str, host: int = 1, ttl: int = 60) -> bool:
        """Whether the core had to look at a Map-Register; host: of the locator."""
        self._nonce += 1
        locators = (RlocRecord(ip_address(f"192.0.2.{host}"), 1, 1, 255, 0),) if ttl else ()
        record = EidRecord(ttl, *from_eid_prefix(EidPrefix.parse(text)), locators)
        octets = MapRegister(self._nonce, 1, 2, bytes(16), (record,), want_map_notify=True).octets()
        return self._punted(SECRET.sign(octets))

    def ask(self, text: str) -> bool:
        """Whether it had to look at a Map-Request for an EID."""
        eid, length = from_eid_prefix(EidPrefix.parse(text))
        rloc = ip_address("127.0.0.1")
        return self._punted(MapRequest(1, rloc, (rloc,), (MapRequestRecord(eid, length),)).octets())

    def close(self) -> None:
        self.server.close()
        self._peers.close()


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    for _ in range(2):
        made.register("198.18.1.0/24")
    made.ask("198.18.1.1/32")
    made.ask("198.18.128.1/32")
    assert not made.register("198.18.1.0/24")
    assert not made.ask("198.18.1.2/32")
    assert not made.ask("198.18.128.2/32")
    yield made
    made.close()


@pytest.mark.parametrize("elsewhere", ["198.18.2.0/24", "198.18.0.0/24", "198.18.1.0/25"])
def test_a_refresh_goes_on_while_other_prefixes_change(node: Node, elsewhere: str) -> None:
    for host in (1, 2):
        node.register(elsewhere, host)
        assert not node.register("198.18.1.0/24")


def test_answers_go_on_while_prefixes_beside_them_change(node: Node) -> None:
    for host in (1, 2):
        node.register("198.18.2.0/24", host)
        assert not node.ask("198.18.1.3/32")
    assert node.register("198.18.2.0/24", ttl=0)
    assert not node.ask("198.18.1.3/32")


def test_a_change_ends_the_refresh_and_the_answer_of_its_prefix(node: Node) -> None:
    node.register("198.18.1.0/24", 2)
    assert node.ask("198.18.1.3/32")
    assert not node.register("198.18.1.0/24", 2)
    node.register("198.18.1.0/24", 1)
    assert node.ask("198.18.1.3/32")


@pytest.mark.parametrize("inside", ["198.18.1.0/25", "198.18.1.128/25", "198.18.1.1/32"])
def test_a_more_specific_ends_what_its_mapping_is_told_by(node: Node, inside: str) -> None:
    """All more-specifics of a mapping are in its answer (RFC 9301, 5.5)."""
    node.register(inside)
    assert node.ask("198.18.1.3/32")


def test_a_hole_ends_where_something_is_put_into_it_or_goes_beside_it(node: Node) -> None:
    node.register("198.18.192.0/24")
    assert node.ask("198.18.128.2/32")
    assert not node.ask("198.18.128.3/32")
    assert node.register("198.18.192.0/24", ttl=0)
    assert node.ask("198.18.128.2/32")


def test_more_changes_than_are_remembered_end_everything(node: Node) -> None:
    store = node.server.store
    for number in range(1_500):
        store.put(
            EidPrefix.parse(f"198.18.{200 + number % 40}.{number % 250}/32"), b"%d" % number,
            record=b"record", details=b"", digest=bytes(16), deadline=100.0, published=b"record",
        )  # fmt: skip
    assert node.ask("198.18.1.3/32")
