"""Why a node does not start: one sentence, and an exit code."""

from __future__ import annotations

import os
import re
import socket
import sqlite3

from mapsys.core.effects import Endpoint
from tests.daemon.node import Node


def sentence_of(said: str) -> str:
    """The one line there is."""
    [line] = said.splitlines()
    return line


def test_a_busy_port_names_its_holder_and_what_to_change(node: Node) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(node.address)
        code, said = node.fails_to_start()
    assert code == 1
    assert re.search(
        rf"UDP {node.address} is taken by process {os.getpid()} \(.+\); "
        rf"end that, or change control.listen in {node.config}",
        sentence_of(said),
    )


def test_a_busy_port_from_the_command_line_names_the_option(node: Node) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        busy = Endpoint(*holder.getsockname())
        code, said = node.fails_to_start("--listen", str(busy))
    assert code == 1
    assert sentence_of(said).endswith("or change --listen")


def test_a_busy_http_port_is_told_at_the_start(node: Node) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        busy = Endpoint(*holder.getsockname())
        code, said = node.fails_to_start("--http", str(busy))
    assert code == 1
    assert f"TCP {busy} is taken by process {os.getpid()}" in sentence_of(said)


def test_an_address_of_another_host_is_told(node: Node) -> None:
    code, said = node.fails_to_start("--listen", "192.0.2.1:4342")
    assert code == 1
    assert "192.0.2.1:4342 is not an address of this host; change --listen" in sentence_of(said)


def test_every_fault_of_the_configuration_is_told_at_once(node: Node) -> None:
    text = node.config.read_text()
    node.config.write_text(text.replace("rate-limits: off", "rate-limit: off") + "more: 1\n")
    code, said = node.fails_to_start()
    assert code == 6
    assert len(said.splitlines()) == 2
    assert all(line.startswith(f"{node.config}:") for line in said.splitlines())
    assert not node.state.exists()


def test_a_state_folder_in_use_names_the_process(node: Node) -> None:
    node.start()
    assert node.process is not None
    first, node.process = node.process, None
    try:
        code, said = node.fails_to_start()
    finally:
        node.process = first
    assert code == 1
    assert f"already used by process {first.pid}" in sentence_of(said)


def test_a_state_folder_that_cannot_be_made_is_told(node: Node) -> None:
    (node.folder / "file").write_text("")
    code, said = node.fails_to_start("--state", str(node.folder / "file" / "state"))
    assert code == 1
    assert "make it writable, or choose another one" in sentence_of(said)


def test_state_of_a_newer_version_is_refused(node: Node) -> None:
    node.start()
    node.stop()
    with sqlite3.connect(node.state / "state.db") as database:
        database.execute("PRAGMA user_version = 99")
    code, said = node.fails_to_start()
    assert code == 1
    assert "newer mapsys (schema 99" in sentence_of(said)


def test_a_damaged_database_is_told(node: Node) -> None:
    node.start()
    node.stop()
    (node.state / "journal.db").write_bytes(b"no database at all, " * 500)
    code, said = node.fails_to_start()
    assert code == 1
    assert "is damaged" in sentence_of(said)
    assert "Traceback" not in said
