"""One cycle against a real server, and against Map-Resolvers that behave as they should not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.poller.cycle import Poller
from mapsys.poller.results import Flag, PolledRow, PollResults, Result
from mapsys.query import SOCKET_NAME
from mapsys.query_client import DaemonAway, QueryClient, QueryDeclined
from mapsys.query_measures_rows import PollerQuestion, PollerRow
from mapsys.record_view import eid_text
from mapsys.wire.ecm import Ecm
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from tests.http.node import Node
from tests.http.registered import register
from tests.poller.devices import record


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with Node(tmp_path) as running:
        register(running, "198.18.1.0/24", '"printer"')
        register(running, "198.18.2.0/24", secret=b"the secret of site two")
        yield running


def settings(
    *map_resolvers: Endpoint, eids: list[str] | None = None, timeout_seconds: int = 5
) -> PollerRow:
    return PollerRow(
        map_resolvers=[(one.host, one.port) for one in map_resolvers],
        eids=None if eids is None else [EidPrefix.parse(one).pack() for one in eids],
        interval_seconds=10,
        timeout_seconds=timeout_seconds,
        slow_milliseconds=4_000,
        keep_dumps=2,
        petr=[],
    )


def poll(node: Node, row: PollerRow, times: int = 1) -> PollResults:
    """The results of the last of so many cycles."""

    async def cycles() -> PollResults:
        client = QueryClient(node.state / SOCKET_NAME)
        try:
            poller = Poller(client)
            for _ in range(times):
                results = await poller.cycle(row)
        finally:
            await client.close()
        return results

    return asyncio.run(cycles())


def by_eid(results: PollResults) -> dict[str, PolledRow]:
    return {eid_text(EidPrefix.unpack(row.eid)[0]): row for row in results.rows}


@contextmanager
def map_resolver(answer: Callable[[MapRequest], list[bytes]]) -> Iterator[Endpoint]:
    """Answers each Map-Request with these datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    data = listener.recv(65_535)
                except TimeoutError:
                    continue
                message = decode(data)
                assert isinstance(message, Ecm)
                assert isinstance(message.message, MapRequest)
                for reply in answer(message.message):
                    listener.sendto(reply, ("127.0.0.1", message.inner_header.source_port))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Endpoint(*listener.getsockname())
        finally:
            stop.set()
            thread.join()


def locator(host: str) -> Callable[[MapRequest], list[bytes]]:
    """Answers with one locator, whatever is asked for."""

    def answer(request: MapRequest) -> list[bytes]:
        return [MapReply(request.nonce, (record(request.records[0].eid_prefix, host),)).octets()]

    return answer


def test_every_prefix_of_every_site_is_asked_for_once(node: Node) -> None:
    results = poll(node, settings(node.endpoint))
    rows = by_eid(results)
    assert [*rows] == [
        "198.18.1.0",
        "198.18.2.0",
        "02:00:00:00:00:01",
        '"printer"',
        "2001:db8:e001::",
    ]
    assert results.flagged() == dict.fromkeys(Flag, 0)
    assert rows["198.18.1.0"].site == "site-one"
    assert rows["198.18.1.0"].expected == "127.0.0.2 1/100 255/0"
    assert rows["198.18.1.0"].heard[0].answer == "127.0.0.2 1/100 255/0"
    assert rows["198.18.1.0"].heard[0].map_replier == str(node.endpoint)
    assert rows["2001:db8:e001::"].heard[0].result is Result.NEGATIVE


def test_what_one_map_resolver_says_otherwise_is_wrong_and_a_disagreement(node: Node) -> None:
    with map_resolver(locator("192.0.2.66")) as liar:
        row = settings(node.endpoint, liar, eids=["198.18.1.0/24"])
        [polled] = poll(node, row).rows
    assert polled.flags == [Flag.WRONG, Flag.DISAGREEING]
    assert [one.flags for one in polled.heard] == [[], [Flag.WRONG]]


def test_where_this_node_knows_nothing_only_disagreement_can_be_seen(node: Node) -> None:
    with (
        map_resolver(locator("192.0.2.1")) as one,
        map_resolver(locator("192.0.2.2")) as other,
    ):
        [polled] = poll(node, settings(one, other, eids=["203.0.113.0/24"])).rows
    assert polled.expected is None
    assert polled.flags == [Flag.DISAGREEING]


def test_noise_is_no_answer(node: Node) -> None:
    def noise(request: MapRequest) -> list[bytes]:
        eid = request.records[0].eid_prefix
        elsewhere = EidPrefix.parse("203.0.113.0/24")
        return [
            b"",
            b"\x20",
            bytes(40),
            MapReply(request.nonce ^ 1, (record(eid, "192.0.2.1"),)).octets(),
            MapReply(request.nonce, (record(elsewhere, "192.0.2.1"),)).octets(),
            MapReply(request.nonce, ()).octets(),
        ]

    with map_resolver(noise) as noisy:
        [polled] = poll(node, settings(noisy, eids=["198.18.1.0/24"], timeout_seconds=1)).rows
    assert polled.flags == [Flag.SILENT]
    assert polled.heard[0].requests_sent == 3


def test_a_lost_map_request_is_sent_again(node: Node) -> None:
    seen: list[int] = []

    def after_the_second(request: MapRequest) -> list[bytes]:
        seen.append(request.nonce)
        return [] if len(seen) < 2 else locator("127.0.0.2")(request)

    with map_resolver(after_the_second) as lossy:
        [polled] = poll(node, settings(lossy, eids=["198.18.1.0/24"], timeout_seconds=1)).rows
    assert polled.flags == []
    assert polled.heard[0].requests_sent == 2
    assert len(set(seen)) == 2


def test_a_change_between_the_questions_is_not_wrong(node: Node) -> None:
    """The first answer is of before the change; asked again, all agree."""
    answers = iter(["192.0.2.66", "127.0.0.2"])

    def changing(request: MapRequest) -> list[bytes]:
        return locator(next(answers))(request)

    with map_resolver(changing) as resolver:
        [polled] = poll(node, settings(resolver, eids=["198.18.1.0/24"])).rows
    assert polled.flags == []
    assert next(answers, None) is None


def test_queries_and_round_trips_are_counted_over_cycles(node: Node) -> None:
    results = poll(node, settings(node.endpoint), times=2)
    name = str(node.endpoint)
    assert results.cycles == 2
    assert results.queries[name] == {Result.MAPPING: 6, Result.NEGATIVE: 4, Result.SILENT: 0}
    assert sum(results.round_trips[name].counts) == 10
    assert results.round_trips[name].total_seconds > 0


def test_a_map_resolver_that_no_route_leads_to_is_a_problem_of_its_own(node: Node) -> None:
    nowhere = Endpoint("fe80::1", 4342)  # link-local, and no link is named
    results = poll(node, settings(nowhere, node.endpoint, eids=["198.18.1.0/24"]))
    assert len(results.problems) == 1
    assert "[fe80::1]:4342" in results.problems[0]
    assert [one.map_resolver for one in results.rows[0].heard] == [str(node.endpoint)]


def test_without_a_daemon_a_cycle_is_given_up(tmp_path: Path) -> None:
    async def ask() -> None:
        client = QueryClient(tmp_path / SOCKET_NAME)
        await Poller(client).cycle(settings(Endpoint("127.0.0.1", 9), eids=["198.18.1.0/24"]))

    with pytest.raises(DaemonAway):
        asyncio.run(ask())


def test_a_daemon_without_a_poller_says_so(node: Node) -> None:
    async def ask() -> None:
        client = QueryClient(node.state / SOCKET_NAME)
        try:
            await client.ask(PollerQuestion(), PollerRow)
        finally:
            await client.close()

    with pytest.raises(QueryDeclined, match="no poller"):
        asyncio.run(ask())
