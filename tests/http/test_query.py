"""Both ends of the query socket, over a real socket."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from mapsys.core.effects import Refused
from mapsys.eid import EidPrefix
from mapsys.query import SOCKET_NAME
from mapsys.query_client import DaemonAway, QueryClient, QueryDeclined
from mapsys.query_frames import ANSWER_OCTETS_LIMIT, QUESTION_OCTETS_LIMIT
from mapsys.query_rows import (
    PAGE_ROWS_LIMIT,
    CountersQuestion,
    CountersRow,
    LookupQuestion,
    LookupRow,
    RegistrationsPage,
    RegistrationsQuestion,
    SiteQuestion,
    SiteRow,
    SitesPage,
    SitesQuestion,
    StatusQuestion,
    StatusRow,
)
from tests.http.node import SITE_ONE, Node
from tests.http.registered import register


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with Node(tmp_path) as running:
        yield running


@asynccontextmanager
async def asking(node: Node) -> AsyncIterator[QueryClient]:
    client = QueryClient(node.state / SOCKET_NAME)
    try:
        yield client
    finally:
        await client.close()


async def all_registrations(
    client: QueryClient, question: RegistrationsQuestion
) -> list[tuple[str, str]]:
    """(EID-Prefix, site) of every page, in order."""
    found: list[tuple[str, str]] = []
    for _ in range(100):
        page = await client.ask(question, RegistrationsPage)
        assert len(page.rows) <= question.limit
        found += [(str(EidPrefix.unpack(row.eid)[0]), row.site) for row in page.rows]
        if page.next is None:
            return found
        question = msgspec.structs.replace(question, cursor=page.next)
    raise AssertionError("the pages never end")


def test_socket_is_for_its_owner_only(node: Node) -> None:
    assert stat.S_IMODE((node.state / SOCKET_NAME).stat().st_mode) == 0o600


def test_a_stale_socket_is_replaced_and_none_is_left(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).write_bytes(b"")
    with Node(tmp_path) as node:
        assert (node.state / SOCKET_NAME).is_socket()
    assert not (tmp_path / SOCKET_NAME).exists()


def test_status_and_counters_are_the_daemons(node: Node) -> None:
    register(node, "198.18.1.0/24")

    async def ask() -> tuple[StatusRow, CountersRow]:
        async with asking(node) as client:
            return (
                await client.ask(StatusQuestion(), StatusRow),
                await client.ask(CountersQuestion(), CountersRow),
            )

    status, counters = asyncio.run(ask())
    assert (status.node, status.sites, status.registrations) == ("ms1.example", 2, 1)
    assert counters.totals["registered.first"] == 1


def test_pages_hold_every_registration_once_and_in_order(node: Node) -> None:
    prefixes = [f"198.18.1.{n}/32" for n in range(40)]
    register(node, *prefixes, "[100]2001:db8:e001:1::/64")

    async def ask() -> list[tuple[str, str]]:
        async with asking(node) as client:
            return await all_registrations(client, RegistrationsQuestion(limit=7))

    found = asyncio.run(ask())
    expected = [EidPrefix.parse(text) for text in [*prefixes, "[100]2001:db8:e001:1::/64"]]
    assert found == [(str(eid), "site-one") for eid in sorted(expected)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (RegistrationsQuestion(site="site-two"), ["198.18.2.0/24"]),
        (
            RegistrationsQuestion(site="site-one", limit=1),
            ["198.18.1.0/24", "198.18.1.128/25", "[100]2001:db8:e001::/48"],
        ),
        (
            RegistrationsQuestion(site="site-one", instance_id=0, limit=1),
            ["198.18.1.0/24", "198.18.1.128/25"],
        ),
        (RegistrationsQuestion(site="nobody"), []),
        (RegistrationsQuestion(instance_id=100), ["[100]2001:db8:e001::/48"]),
        (RegistrationsQuestion(instance_id=7), []),
        (
            RegistrationsQuestion(prefix=EidPrefix.parse("198.18.1.0/24").pack()),
            ["198.18.1.0/24"],
        ),
        (
            RegistrationsQuestion(
                prefix=EidPrefix.parse("198.18.1.200/32").pack(), match="longest"
            ),
            ["198.18.1.128/25"],
        ),
        (
            RegistrationsQuestion(
                prefix=EidPrefix.parse("198.18.1.200/32").pack(), match="covering", limit=1
            ),
            ["198.18.1.0/24", "198.18.1.128/25"],
        ),
        (
            RegistrationsQuestion(
                prefix=EidPrefix.parse("198.18.0.0/16").pack(), match="covered", limit=2
            ),
            ["198.18.1.0/24", "198.18.1.128/25", "198.18.2.0/24"],
        ),
        (
            RegistrationsQuestion(
                prefix=EidPrefix.parse("198.18.0.0/16").pack(), match="covered", instance_id=100
            ),
            [],
        ),
    ],
)
def test_filters(node: Node, question: RegistrationsQuestion, expected: list[str]) -> None:
    register(node, "198.18.1.0/24", "198.18.1.128/25", "[100]2001:db8:e001::/48")
    register(node, "198.18.2.0/24", secret=b"the secret of site two")

    async def ask() -> list[tuple[str, str]]:
        async with asking(node) as client:
            return await all_registrations(client, question)

    assert [eid for eid, _ in asyncio.run(ask())] == expected


def test_a_page_never_holds_more_rows_than_the_limit(node: Node) -> None:
    for start in range(0, 600, 30):
        register(node, *(f"[100]2001:db8:e001:{n:x}::/64" for n in range(start, start + 30)))

    async def ask() -> RegistrationsPage:
        async with asking(node) as client:
            return await client.ask(RegistrationsQuestion(limit=100_000), RegistrationsPage)

    page = asyncio.run(ask())
    assert len(page.rows) == PAGE_ROWS_LIMIT
    assert page.next is not None


def test_a_site_says_why_it_was_refused_last(node: Node) -> None:
    refused = register(node, "198.18.1.0/24", "198.18.5.0/24")
    assert [type(one) for one in refused] == [Refused]

    async def ask() -> SiteRow:
        async with asking(node) as client:
            return await client.ask(SiteQuestion("site-one"), SiteRow)

    row = asyncio.run(ask())
    assert (row.accepted, row.refused) == (0, 1)
    assert row.last_refusal is not None
    assert row.last_refusal.reason == "not-configured"
    assert row.last_refusal.source == "127.0.0.2:4342"


def test_a_wrong_key_shows_at_the_site_it_claims(node: Node) -> None:
    register(node, "198.18.1.0/24", secret=b"not the secret")

    async def ask() -> SiteRow:
        async with asking(node) as client:
            return await client.ask(SiteQuestion("site-one"), SiteRow)

    last = asyncio.run(ask()).last_refusal
    assert last is not None
    assert last.reason == "authentication-failed"


def test_sites_come_in_pages_by_name(node: Node) -> None:
    register(node, "198.18.1.0/24", "198.18.1.7/32")

    async def ask() -> list[SiteRow]:
        async with asking(node) as client:
            first = await client.ask(SitesQuestion(limit=1), SitesPage)
            assert first.next == "site-one"
            second = await client.ask(SitesQuestion(after=first.next, limit=1), SitesPage)
            assert second.next is None
            return [*first.rows, *second.rows]

    rows = asyncio.run(ask())
    assert [row.name for row in rows] == ["site-one", "site-two"]
    counts = {str(EidPrefix.unpack(one.prefix)[0]): one.registered for one in rows[0].eids}
    assert counts[str(SITE_ONE.rules[0].prefix)] == 2
    assert counts[str(SITE_ONE.rules[1].prefix)] == 0


@pytest.mark.parametrize(
    ("eid", "outcome", "prefix", "site"),
    [
        ("198.18.1.9", "proxy-reply", "198.18.1.0/24", "site-one"),
        ("198.18.2.9", "negative", "198.18.2.0/24", "site-two"),
        ("198.18.4.1", "negative", "198.18.4.0/22", None),
        ("192.0.2.1", "elsewhere", None, None),
    ],
)
def test_lookup_says_what_the_core_would_answer(
    node: Node, eid: str, outcome: str, prefix: str | None, site: str | None
) -> None:
    register(node, "198.18.1.0/24")

    async def ask() -> LookupRow:
        async with asking(node) as client:
            return await client.ask(LookupQuestion(EidPrefix.parse(eid).pack()), LookupRow)

    row = asyncio.run(ask())
    found = None if row.prefix is None else str(EidPrefix.unpack(row.prefix)[0])
    assert (row.outcome, found, row.site) == (outcome, prefix, site)
    assert (row.record is None) == (outcome == "elsewhere")


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (SiteQuestion("no-such-site"), "unknown-site"),
        (RegistrationsQuestion(cursor=b"\x01"), "bad-cursor"),
        (RegistrationsQuestion(cursor=b"\xff" * 40), "bad-cursor"),
        (RegistrationsQuestion(prefix=b"\x09"), "malformed-question"),
        (LookupQuestion(b"\x00" * 6), "malformed-question"),
    ],
)
def test_bad_questions_are_declined(
    node: Node, question: SiteQuestion | RegistrationsQuestion | LookupQuestion, reason: str
) -> None:
    async def ask() -> None:
        async with asking(node) as client:
            await client.ask(question, StatusRow)

    with pytest.raises(QueryDeclined) as caught:
        asyncio.run(ask())
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "octets",
    [
        (QUESTION_OCTETS_LIMIT + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff" + bytes(100),
    ],
)
def test_a_broken_frame_ends_the_connection_and_nothing_else(node: Node, octets: bytes) -> None:
    async def ask() -> StatusRow:
        reader, writer = await asyncio.open_unix_connection(str(node.state / SOCKET_NAME))
        writer.write(octets)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        async with asking(node) as client:
            return await client.ask(StatusQuestion(), StatusRow)

    assert asyncio.run(ask()).node == "ms1.example"


def test_a_frame_cut_short_is_survived(node: Node) -> None:
    async def ask() -> StatusRow:
        _, writer = await asyncio.open_unix_connection(str(node.state / SOCKET_NAME))
        writer.write(b"\x00\x00\x01\x00abc")
        writer.close()
        async with asking(node) as client:
            return await client.ask(StatusQuestion(), StatusRow)

    assert asyncio.run(ask()).sites == 2


def test_nonsense_in_a_frame_is_declined_on_the_same_connection(node: Node) -> None:
    async def ask() -> list[bytes]:
        reader, writer = await asyncio.open_unix_connection(str(node.state / SOCKET_NAME))
        answers = []
        for body in (b"\xc1", b"", os.urandom(1_000), msgspec.msgpack.encode({"type": "status"})):
            writer.write(len(body).to_bytes(4, "big") + body)
            length = int.from_bytes(await asyncio.wait_for(reader.readexactly(4), 20), "big")
            answers.append(await reader.readexactly(length))
        writer.close()
        return answers

    answers = [msgspec.msgpack.decode(one) for one in asyncio.run(ask())]
    assert [one.get("reason") for one in answers] == ["malformed-question"] * 3 + [None]
    assert answers[3]["node"] == "ms1.example"


def test_client_names_the_socket_when_nobody_is_there(tmp_path: Path) -> None:
    async def ask() -> None:
        await QueryClient(tmp_path / SOCKET_NAME).ask(StatusQuestion(), StatusRow)

    with pytest.raises(DaemonAway, match=SOCKET_NAME):
        asyncio.run(ask())


def test_client_outlives_a_daemon_that_was_started_again(tmp_path: Path) -> None:
    async def ask(client: QueryClient) -> str:
        return (await client.ask(StatusQuestion(), StatusRow)).node

    async def ask_twice() -> tuple[str, str]:
        client = QueryClient(tmp_path / SOCKET_NAME)
        with Node(tmp_path):
            first = await ask(client)
        with Node(tmp_path):
            second = await ask(client)
            await client.close()
        return first, second

    assert asyncio.run(ask_twice()) == ("ms1.example", "ms1.example")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        (ANSWER_OCTETS_LIMIT + 1).to_bytes(4, "big"),
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x09short",
    ],
)
def test_client_treats_a_garbled_answer_as_no_answer(tmp_path: Path, reply: bytes) -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply)
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_unix_server(garble, tmp_path / SOCKET_NAME)
        async with server:
            await QueryClient(tmp_path / SOCKET_NAME).ask(StatusQuestion(), StatusRow)

    with pytest.raises(DaemonAway):
        asyncio.run(ask())
