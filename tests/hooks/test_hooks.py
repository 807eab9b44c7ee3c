"""The hooks' process between a node's events and a receiver that is there, away, or says no."""

from __future__ import annotations

import hashlib
import hmac
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mapsys.core.effects import Endpoint, Moved, Registered
from mapsys.eid import EidPrefix
from mapsys.event_ring import RING_LIMIT
from mapsys.hooks.settings import (
    HookSettings,
    HooksSettings,
    HookState,
    Occasion,
    read_states,
    write_settings,
    write_states,
)
from mapsys.query_events_rows import EventKind
from tests.daemon.node import free_port
from tests.hooks.receiver import Receiver, until
from tests.http.node import Node

SECRET = b"the secret of the hook"
HOST = EidPrefix.parse("[7]198.18.1.7/32")
OLD, NEW = bytes(range(16)), bytes(range(16, 32))
SINCE = 500_000.0
BOTH = [Occasion.DEPARTURE, Occasion.ARRIVAL]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    state = tmp_path / "state"
    state.mkdir()
    with Node(state) as running:
        yield running


@contextmanager
def hooks(node: Node, url: str, on: list[Occasion] | None = None) -> Iterator[Path]:
    """The process runs inside; what it says goes into the file."""
    file = node.state / "hook.key"
    file.write_bytes(SECRET + b"\n")
    hook = HookSettings(url, on or BOTH, str(file), None)
    write_settings(node.state, HooksSettings([hook], SINCE))
    said = node.state / "said"
    command = [sys.executable, "-m", "mapsys.hooks", "--state", str(node.state)]
    with said.open("ab") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield said
        finally:
            process.terminate()


def move(node: Node, eid: EidPrefix = HOST) -> None:
    """As the core tells of a move."""
    source = Endpoint("192.0.2.2", 4342)
    moved = Moved(eid, "site-one", source, (OLD,), NEW, previous_hosts=("192.0.2.1",))
    node.on_its_thread(
        lambda: node.events.observe([moved, Registered(eid, "site-one", source, False)], 0.0)
    )


def state_of(node: Node, url: str) -> HookState:
    return read_states(node.state).get(url, HookState(SINCE))


def test_a_move_is_told_as_a_departure_and_an_arrival_signed(node: Node) -> None:
    with Receiver() as receiver, hooks(node, receiver.url):
        move(node)
        until(lambda: len(receiver.taken) == 2, lambda: receiver.posted)
        departure, arrival = receiver.taken
        assert (departure["event"], arrival["event"]) == ("departure", "arrival")
        assert departure["id"] == f"{node.events.session}-1-departure"
        for told in (departure, arrival):
            assert (told["eid_prefix"], told["instance_id"]) == ("198.18.1.7/32", 7)
            assert told["site"] == "site-one"
            assert told["from"] == [{"xtr_id": OLD.hex(), "address": "192.0.2.1"}]
            assert told["to"] == {"xtr_id": NEW.hex(), "address": "192.0.2.2"}
            assert told["at"].endswith("Z")
        for one in receiver.posted:
            expected = hmac.new(SECRET, one.body, hashlib.sha256).hexdigest()
            assert one.path == "/moves"
            assert one.headers["X-Mapsys-Signature"] == f"sha256={expected}"
            assert one.headers["Content-Type"] == "application/json"


def test_only_what_is_wanted_is_told(node: Node) -> None:
    with Receiver() as receiver, hooks(node, receiver.url, [Occasion.ARRIVAL]):
        move(node)
        move(node)
        until(lambda: len(receiver.taken) == 2, lambda: receiver.posted)
        assert [one["event"] for one in receiver.taken] == ["arrival", "arrival"]


def test_a_receiver_that_is_away_or_says_no_gets_it_later_once_and_in_order(node: Node) -> None:
    port = free_port(kind=socket.SOCK_STREAM)
    url = f"http://127.0.0.1:{port}/moves"
    with hooks(node, url) as said:
        move(node)
        until(lambda: state_of(node, url).failed > 0, said.read_text)
        assert "cannot be reached" in (state_of(node, url).problem or "")
        with Receiver(port) as receiver:
            receiver.status = 302
            until(lambda: len(receiver.posted) > 0, said.read_text)
            until(lambda: state_of(node, url).problem == "it answered 302", said.read_text)
            receiver.status = 200
            until(lambda: len(receiver.taken) == 2, said.read_text)
            until(lambda: state_of(node, url).delivered == 2, said.read_text)
            assert [one["event"] for one in receiver.taken] == ["departure", "arrival"]
            assert {one.path for one in receiver.posted} == {"/moves"}, "it followed a redirect"
            assert state_of(node, url).problem is None
        until(lambda: "takes messages again" in said.read_text(), said.read_text)


def test_a_process_that_starts_again_goes_on_where_it_was(node: Node) -> None:
    with Receiver() as receiver:
        with hooks(node, receiver.url) as said:
            move(node)
            until(lambda: state_of(node, receiver.url).position is not None, said.read_text)
        move(node)
        with hooks(node, receiver.url):
            until(lambda: state_of(node, receiver.url).delivered == 4, lambda: receiver.taken)
        assert len({one["id"] for one in receiver.taken}) == 4
        assert state_of(node, receiver.url).gaps == 0


def test_what_the_ring_has_lost_is_a_gap_and_the_rest_is_told(node: Node) -> None:
    def storm() -> None:
        for _ in range(RING_LIMIT + 5):
            node.events.note(EventKind.RELOADED)

    with Receiver() as receiver:
        with hooks(node, receiver.url) as said:
            until(lambda: state_of(node, receiver.url).position is not None, said.read_text)
        move(node)
        node.on_its_thread(storm)
        move(node)
        with hooks(node, receiver.url) as said:
            until(lambda: len(receiver.taken) == 2, said.read_text)
            until(lambda: state_of(node, receiver.url).gaps == 1, said.read_text)
        assert "events were missed" in said.read_text()


def test_what_is_from_before_is_not_told_and_what_is_no_news_any_more_is_given_up(
    node: Node,
) -> None:
    port = free_port(kind=socket.SOCK_STREAM)
    url = f"http://127.0.0.1:{port}/moves"
    node.events._wall = lambda: SINCE - 1.0
    move(node)
    node.events._wall = lambda: SINCE + 1.0
    move(node)
    with hooks(node, url, [Occasion.ARRIVAL]) as said:
        until(lambda: state_of(node, url).given_up == 1, said.read_text)
        with Receiver(port) as receiver:
            move(node)
            until(lambda: len(receiver.taken) == 1, said.read_text)
            assert receiver.taken[0]["id"].endswith("-5-arrival")


def test_the_secret_is_in_no_file_and_on_no_command_line_but_its_own(node: Node) -> None:
    with Receiver() as receiver:
        with hooks(node, receiver.url):
            move(node)
            until(lambda: len(receiver.taken) == 2, lambda: receiver.posted)
        files = [one for one in node.state.iterdir() if one.is_file() and one.name != "hook.key"]
        assert len(files) > 2
        for one in files:
            assert SECRET not in one.read_bytes(), one.name
        for posted in receiver.posted:
            assert SECRET.decode() not in str(posted)


def test_the_state_of_another_version_is_as_none(tmp_path: Path) -> None:
    write_states(tmp_path, {"http://[::1]/": HookState(SINCE, delivered=2)})
    assert read_states(tmp_path)["http://[::1]/"].delivered == 2
    (tmp_path / "hooks-state.msgpack").write_bytes(b"\x93")
    assert read_states(tmp_path) == {}
