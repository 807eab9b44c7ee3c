"""Server-sent events and deltas, over the HTTP process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from mapsys.event_ring import RING_LIMIT
from mapsys.http.event_hub import READERS_LIMIT
from mapsys.query_events_rows import EventKind
from tests.http.event_reader import EventReader, reading, unix_connection
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register, withdraw


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


def note(node: Node, times: int) -> None:
    def work() -> None:
        for _ in range(times):
            node.events.note(EventKind.RELOADED)

    node.on_its_thread(work)


def serials(reader: EventReader, count: int) -> list[int]:
    return [reader.next().data["serial"] for _ in range(count)]


def test_what_takes_place_is_told_while_it_does(node: Node, web: HttpProcess) -> None:
    note(node, 3)  # before anybody reads
    last = node.events.last
    with reading(web.state) as reader:
        assert reader.headers["Content-Type"] == "text/event-stream"
        assert reader.headers["Cache-Control"] == "no-store"
        node.on_its_thread(lambda: register(node, "[100]2001:db8:e001::/48"))
        event = reader.next()
    assert (event.name, event.id) == ("registered", f"{node.events.session}-{last + 1}")
    assert event.data["eid_prefix"] == "2001:db8:e001::/48"
    assert (event.data["instance_id"], event.data["site"]) == (100, "site-one")
    assert event.data["source"] == "127.0.0.2:4342"


def test_a_move_says_between_which_xtrs_it_was(node: Node, web: HttpProcess) -> None:
    before, after = bytes(15) + b"\1", bytes(15) + b"\2"
    with reading(web.state) as reader:
        for xtr_id, rloc in ((before, "127.0.0.2"), (after, "127.0.0.3")):
            node.on_its_thread(partial(register, node, "198.18.1.64/26", xtr_id=xtr_id, rloc=rloc))
        told = [reader.next() for _ in range(3)]
    moves = {one.name: one.data["move"] for one in told}
    assert moves == {
        "registered": None,
        "changed": None,
        "moved": {
            "previous": [{"registrant": before.hex(), "host": "127.0.0.2"}],
            "by": {"registrant": after.hex(), "host": "127.0.0.2"},
        },
    }


def test_a_reader_that_comes_back_goes_on_where_it_was(node: Node, web: HttpProcess) -> None:
    with reading(web.state) as reader:
        note(node, 1)
        first = reader.next()
    note(node, 500)  # more than one batch
    with reading(web.state, **{"Last-Event-ID": first.id}) as reader:
        following = first.data["serial"] + 1
        assert serials(reader, 500) == list(range(following, following + 500))


@pytest.mark.parametrize("told", ["of-another-session-1", "nonsense", "", "-5", "9" * 400])
def test_a_position_that_is_not_known_is_a_reset(node: Node, web: HttpProcess, told: str) -> None:
    note(node, 3)
    with reading(web.state, **{"Last-Event-ID": told}) as reader:
        event = reader.next()
        assert (event.name, event.data["session"]) == ("reset", node.events.session)
        note(node, 1)
        following = range(event.data["serial"] + 1, node.events.last + 1)
        assert serials(reader, len(following)) == list(following)


def test_a_position_that_is_too_old_is_a_reset(tmp_path: Path) -> None:
    with Node(tmp_path) as node, http_process(tmp_path) as web:
        note(node, RING_LIMIT + 2)
        last, session = node.events.last, node.events.session
        with reading(web.state, **{"Last-Event-ID": f"{session}-1"}) as reader:
            assert reader.next().name == "reset"
        with reading(web.state, **{"Last-Event-ID": f"{session}-{last - 2}"}) as reader:
            assert serials(reader, 2) == [last - 1, last]


def test_a_site_hears_of_itself(node: Node, web: HttpProcess) -> None:
    with reading(web.state, "?site=site-two") as reader:
        node.on_its_thread(lambda: register(node, "198.18.1.0/24"))
        node.on_its_thread(
            lambda: register(node, "198.18.2.0/24", secret=b"the secret of site two")
        )
        assert reader.next().data["eid_prefix"] == "198.18.2.0/24"


def test_a_daemon_that_was_started_again_is_a_reset(tmp_path: Path) -> None:
    with http_process(tmp_path) as web, ExitStack() as stack:
        with Node(tmp_path) as node:
            note(node, 1)
            reader = stack.enter_context(reading(web.state))
        with Node(tmp_path) as again:
            event = reader.next()
            assert (event.name, event.data["session"]) == ("reset", again.events.session)
            note(again, 1)
            assert reader.next().name == "reloaded"


def test_stuck_readers_cost_the_others_nothing(node: Node, web: HttpProcess) -> None:
    with ExitStack() as stack:
        for _ in range(20):  # they never read
            stack.enter_context(reading(web.state))
        reader = stack.enter_context(reading(web.state))
        for _ in range(20):
            start = node.events.last + 1
            note(node, 500)
            assert serials(reader, 500) == list(range(start, start + 500))


def test_one_reader_too_many_is_told_to_wait(tmp_path: Path) -> None:
    with Node(tmp_path), http_process(tmp_path) as web, ExitStack() as stack:
        for _ in range(READERS_LIMIT):
            assert stack.enter_context(reading(web.state)).status == 200
        with reading(web.state) as reader:
            assert reader.status == 429
            assert int(reader.headers["Retry-After"]) > 0
        connection = unix_connection(web.state)
        connection.request("GET", "/api/v1/status")  # everything else is served as before
        assert connection.getresponse().status == 200
        connection.close()


def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    with http_process(tmp_path) as web, reading(web.state) as reader:
        assert reader.status == 503


def test_a_copy_is_kept_by_changes(node: Node, web: HttpProcess) -> None:
    def get(query: str) -> dict[str, object]:
        body: dict[str, object] = web.get(f"/api/v1/changes{query}").json()
        return body

    node.on_its_thread(lambda: register(node, "198.18.1.0/24"))
    start = get("")
    assert (start["reset"], start["announced"]) == (True, [])
    node.on_its_thread(lambda: register(node, "198.18.1.128/25"))
    node.on_its_thread(lambda: withdraw(node, "198.18.1.0/24"))
    delta = get(f"?session={start['session']}&serial={start['serial']}")
    assert (delta["reset"], delta["more"]) == (False, False)
    assert [one["eid_prefix"] for one in delta["announced"]] == ["198.18.1.128/25"]  # type: ignore[attr-defined]
    assert delta["withdrawn"] == [
        {"eid_prefix": "198.18.1.0/24", "instance_id": 0, "site": "site-one"}
    ]
    assert get(f"?session={start['session']}&serial={10**18}")["reset"] is True
    assert web.get("/api/v1/changes?serial=-1").status == 400
