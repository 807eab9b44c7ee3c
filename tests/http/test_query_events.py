"""Events and changes over the query socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from mapsys.eid import EidPrefix
from mapsys.query import SOCKET_NAME
from mapsys.query_client import QueryClient
from mapsys.query_events_rows import ChangesPage, ChangesQuestion, EventsPage, EventsQuestion
from mapsys.query_rows import Question
from tests.http.node import Node
from tests.http.registered import register, withdraw

Reply = TypeVar("Reply")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with Node(tmp_path) as running:
        yield running


def ask(node: Node, question: Question, expected: type[Reply]) -> Reply:
    async def over_the_socket() -> Reply:
        client = QueryClient(node.state / SOCKET_NAME)
        try:
            return await client.ask(question, expected)
        finally:
            await client.close()

    return asyncio.run(over_the_socket())


def eids(packed: list[bytes]) -> list[str]:
    return [str(EidPrefix.unpack(one)[0]) for one in packed]


def test_events_page_by_page(node: Node) -> None:
    register(node, "198.18.1.0/24", "198.18.1.128/25", "198.18.1.7/32")
    first = ask(node, EventsQuestion(limit=2), EventsPage)
    assert (first.reset, first.last) == (True, 3)  # nothing was known before
    assert [row.serial for row in first.rows] == [1, 2]
    second = ask(node, EventsQuestion(first.session, 2), EventsPage)
    assert not second.reset
    assert [row.kind for row in second.rows] == ["registered"]
    assert eids([row.eid for row in second.rows if row.eid]) == ["198.18.1.7/32"]


def test_a_question_may_wait_for_what_comes(node: Node) -> None:
    start = ask(node, EventsQuestion(), EventsPage)

    async def wait() -> EventsPage:
        client = QueryClient(node.state / SOCKET_NAME)
        question = EventsQuestion(start.session, start.last, wait_seconds=5.0)
        asked = asyncio.create_task(client.ask(question, EventsPage))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(node.on_its_thread, lambda: register(node, "198.18.1.0/24"))
        try:
            return await asked
        finally:
            await client.close()

    page = asyncio.run(wait())
    assert not page.reset
    assert [row.kind for row in page.rows] == ["registered"]


def test_another_session_starts_again(node: Node) -> None:
    register(node, "198.18.1.0/24")
    page = ask(node, EventsQuestion("of before", 1), EventsPage)
    assert page.reset
    assert [row.serial for row in page.rows] == [1]


def test_changes_tell_what_holds_now(node: Node) -> None:
    start = ask(node, ChangesQuestion(), ChangesPage)
    assert start.reset
    register(node, "198.18.1.0/24", "198.18.1.128/25")
    register(node, "198.18.1.0/24", rloc="127.0.0.9")
    withdraw(node, "198.18.1.128/25")
    page = ask(node, ChangesQuestion(start.session, start.serial), ChangesPage)
    assert (page.reset, page.more) == (False, False)
    assert eids([row.eid for row in page.rows]) == ["198.18.1.0/24"]
    assert bytes([127, 0, 0, 9]) in page.rows[0].record
    assert eids([row.eid for row in page.withdrawn]) == ["198.18.1.128/25"]
    assert [row.site for row in page.withdrawn] == ["site-one"]
    again = ask(node, ChangesQuestion(page.session, page.serial), ChangesPage)
    assert (again.rows, again.withdrawn, again.reset) == ([], [], False)


def test_changes_come_in_pages_that_add_up(node: Node) -> None:
    start = ask(node, ChangesQuestion(), ChangesPage)
    register(node, *(f"198.18.1.{n}/32" for n in range(25)))
    told: list[str] = []
    page = start
    for _ in range(10):
        page = ask(node, ChangesQuestion(page.session, page.serial, limit=10), ChangesPage)
        told += eids([row.eid for row in page.rows])
        if not page.more:
            break
    assert told == [f"198.18.1.{n}/32" for n in range(25)]


@pytest.mark.parametrize("serial", [10**9, -1])
def test_a_serial_that_nobody_gave_is_a_reset(node: Node, serial: int) -> None:
    start = ask(node, ChangesQuestion(), ChangesPage)
    assert ask(node, ChangesQuestion(start.session, serial), ChangesPage).reset
