"""What an instance says of itself without a socket open: pages, and what it may deny."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from alt.bgp.events import (
    AltEvent,
    EndOfRibReceived,
    OpenReceived,
    OriginateLocal,
    PeerDown,
    PeerUp,
    SpeakerLost,
    UpdateReceived,
)
from alt.effects import FibChange
from alt.helper_client import TunnelHelper
from alt.levels import FAMILIES
from alt.model import AltConfig
from alt.node_denial import SETTLING_SECONDS, may_deny_hole
from alt.node_instance import AltInstance, Surroundings
from alt.node_pages import alt_page
from alt.rib.attributes import PathAttributes
from alt.tunnel.underlay import GreUnderlay
from mapsys.eid import EidPrefix, Family
from mapsys.net.log import open_log
from mapsys.query_alt_rows import (
    AltAggregateRow,
    AltList,
    AltPeerRow,
    AltQuestion,
    AltRejectedRow,
    AltRouteRow,
    AltRow,
)
from tests.alt.control.pilot import AS_OF, arin, eid, mspa

SITE = "198.18.1.0/24"


class Unstarted:
    """An instance that has heard from its neighbours, its carrier and speaker apart."""

    def __init__(self, config: AltConfig) -> None:
        around = Surroundings(
            node="node.example",
            folder=Path("/nowhere"),
            helper=cast(TunnelHelper, None),  # nothing is opened
            underlay=cast(GreUnderlay, None),
            underlay_versions=frozenset({4}),
            on_deliver=lambda _deliver: None,
            on_negative=lambda _negative: None,
            log=open_log(),
        )
        self.instance = AltInstance(config, around)
        self.now = asyncio.get_running_loop().time()
        self._take(self.instance.router.start(self.now))

    def send(self, *events: AltEvent) -> None:
        for event in events:
            self.instance.stories.observe(event, self.now)
            if isinstance(event, OriginateLocal):
                self.instance.wanted_sites.add(event.prefix)
            self._take(self.instance.router.handle(event, self.now))

    def up(self, *names: str, complete: bool = True) -> None:
        for name in names:
            families = frozenset(FAMILIES)
            self.send(OpenReceived(name, AS_OF[name], families, 60, families), PeerUp(name))
            if complete:
                self.send(*(EndOfRibReceived(name, family) for family in FAMILIES))

    def hear(self, name: str, *prefixes: str) -> None:
        tunnel = self.instance.router.peers[name].tunnel
        for text in prefixes:
            prefix = eid(text)
            attributes = PathAttributes((AS_OF[name],), tunnel.peer_address(prefix.family))
            self.send(UpdateReceived(name, ((attributes, (prefix,)),)))

    def export(self) -> None:
        self.now += 1.0
        self._take(self.instance.router.expire(self.now))

    def rows(self, what: AltList, limit: int = 100, **more: int) -> list[AltRow]:
        """All rows of a list, turning pages of a size."""
        rows: list[AltRow] = []
        question = AltQuestion(what, limit, **more)
        for _ in range(1_000):
            page = alt_page({0: self.instance}, question, (self.now, 1_000_000.0))
            assert len(page.rows) <= max(limit, 3)
            rows += page.rows
            if page.next is None:
                return rows
            question = AltQuestion(what, limit, page.next, **more)
        raise AssertionError("the pages never end")

    def _take(self, effects: object) -> None:
        for effect in cast(list[object], effects):
            if isinstance(effect, FibChange):
                self.instance.fib.apply(effect)


def play(scenario: Callable[[], None]) -> None:
    async def main() -> None:
        scenario()

    asyncio.run(main())


def test_pages_of_any_size_list_each_row_once() -> None:
    def scenario() -> None:
        node = Unstarted(arin())
        node.up("ripe", "apnic", "mspa")
        node.hear("mspa", "198.18.0.0/21", "2001:db8:e000::/40")
        node.hear("ripe", "198.18.32.0/19", "198.18.33.0/24", "203.0.113.0/24")
        node.hear("apnic", "198.18.64.0/19", "198.18.32.0/19", "198.18.65.0/24")
        node.send(OriginateLocal(eid("198.18.9.0/24")), OriginateLocal(eid("192.0.2.0/25")))
        node.export()
        for what in ("peers", "routes", "aggregates", "delegations", "rejected"):
            whole = node.rows(what)
            assert len(whole) > 2
            for limit in (1, 2, 3):
                assert node.rows(what, limit) == whole, (what, limit)
            assert node.rows(what, instance_id=0) == whole
            assert node.rows(what, instance_id=7) == []
        assert node.rows("tunnels") == []  # nothing is open

    play(scenario)


def test_rows_say_who_is_told_and_why_others_are_not() -> None:
    def scenario() -> None:
        node = Unstarted(arin())
        node.up("ripe", "mspa")
        node.hear("mspa", "198.18.0.0/21")
        node.export()
        routes = {
            str(EidPrefix.unpack(row.prefix)[0]): row
            for row in node.rows("routes")
            if isinstance(row, AltRouteRow)
        }
        assert routes["198.18.0.0/19"].told == ["ripe", "mspa"]
        component = routes["198.18.0.0/21"]
        assert component.peer == "mspa"
        assert [(w.peer, w.reason) for w in component.withheld] == [
            ("ripe", "inside-aggregate"), ("mspa", "came-from-there"),
        ]  # fmt: skip
        [block] = [
            row
            for row in node.rows("aggregates")
            if isinstance(row, AltAggregateRow) and row.block == eid("198.18.0.0/19").pack()
        ]
        assert (block.announced, block.components, block.suppressed) == (True, 1, 1)

    play(scenario)


def test_refused_routes_and_own_prefixes_are_told_with_their_reasons() -> None:
    def scenario() -> None:
        node = Unstarted(mspa())
        node.up("arin", "etr1")
        node.hear("etr1", SITE, "198.18.7.0/24")
        node.send(OriginateLocal(eid("198.18.2.0/24")), OriginateLocal(eid("203.0.113.0/24")))
        rejected = [row for row in node.rows("rejected") if isinstance(row, AltRejectedRow)]
        assert [
            (row.peer, str(EidPrefix.unpack(row.prefix)[0]), row.reason) for row in rejected
        ] == [
            (None, "203.0.113.0/24", "outside-block"),
            ("etr1", "198.18.7.0/24", "not-delegated"),
        ]
        assert rejected[1].as_path == [AS_OF["etr1"]]

    play(scenario)


def test_a_cursor_that_nobody_gave_out_is_refused() -> None:
    def scenario() -> None:
        node = Unstarted(mspa())
        node.up("etr1")
        node.hear("etr1", "198.18.7.0/24")
        gone = bytes(4) + b"etr1\0" + eid("198.18.99.0/24").pack()
        for what, cursor in (("routes", bytes(5)), ("rejected", gone)):
            with pytest.raises(ValueError, match=r"."):
                alt_page(
                    {0: node.instance},
                    AltQuestion(cast(AltList, what), cursor=cursor),
                    (node.now, 0.0),
                )

    play(scenario)


def test_a_peers_row_tells_its_story() -> None:
    def scenario() -> None:
        node = Unstarted(mspa())

        def arin_row() -> AltPeerRow:
            [row] = [
                r for r in node.rows("peers") if isinstance(r, AltPeerRow) and r.name == "arin"
            ]
            return row

        assert (arin_row().state, arin_row().since, arin_row().router_id) == ("down", None, None)
        node.up("arin")
        node.hear("arin", "198.18.32.0/19")
        assert arin_row().state == "up"
        assert (arin_row().updates, arin_row().accepted) == (1, 1)
        assert arin_row().since == 1_000_000.0
        node.send(PeerDown("arin", "hold timer expired", clean=False))
        assert (arin_row().state, arin_row().why, arin_row().losses) == (
            "down", "hold timer expired", 1,
        )  # fmt: skip
        node.up("arin")
        assert node.instance.stories.lose_all("the speaker is gone", node.now) == ["arin"]
        node.send(SpeakerLost())
        assert (arin_row().state, arin_row().losses) == ("down", 2)

    play(scenario)


def test_a_delegated_hole_is_denied_once_its_holder_had_its_say() -> None:
    def scenario() -> None:
        node = Unstarted(mspa())
        router = node.instance.router
        delegated = eid("198.18.1.5/32")  # etr1's
        assert not may_deny_hole(delegated, router, 0.0), "etr1 has had no time to come"
        assert may_deny_hole(delegated, router, SETTLING_SECONDS), "etr1 stays away"
        node.up("etr1", complete=False)
        assert not may_deny_hole(delegated, router, SETTLING_SECONDS), "etr1 has not finished"
        node.send(EndOfRibReceived("etr1", Family.IPV4))
        assert may_deny_hole(delegated, router, 0.0)
        node.send(PeerDown("etr1", "hold timer expired", clean=False))
        assert not may_deny_hole(delegated, router, SETTLING_SECONDS), "its routes are kept"

    play(scenario)


def test_other_holes_wait_for_nobody() -> None:
    def scenario() -> None:
        router = Unstarted(mspa()).instance.router
        assert may_deny_hole(eid("198.18.2.5/32"), router, 0.0), "its site registers here"
        assert may_deny_hole(eid("203.0.113.5/32"), router, 0.0), "nobody holds it"

    play(scenario)


def test_what_routes_and_delegations_touch_is_not_free() -> None:
    def scenario() -> None:
        node = Unstarted(replace(mspa(), blocks=(), delegations=mspa().delegations[:2]))
        node.up("arin")
        node.hear("arin", "198.18.64.0/19")
        free = node.instance.free_around
        assert free(eid("198.18.64.5/32"), 0) is None, "a route covers it"
        assert free(eid("198.18.0.5/32"), 0) is None, "a delegation does"
        assert free(eid("198.18.128.5/32"), 0) == eid("198.18.128.0/17")
        assert free(eid("198.18.128.5/32"), 20) == eid("198.18.128.0/20")
        assert node.instance.knows_what_is_missing(eid("198.18.128.5/32"))

    play(scenario)
