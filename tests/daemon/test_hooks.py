"""Moves told by a real daemon; the process that tells them may die."""

from __future__ import annotations

import os
import signal

from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from tests.daemon.node import SECRET as SITE_SECRET
from tests.daemon.node import Node, Xtr, until, xtr
from tests.hooks.receiver import Receiver

SECRET = "the secret of the hook"
FIRST, SECOND, THIRD = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))


def moves(agent: Xtr, to: bytes, host: str = "198.18.1.7/32") -> None:
    agent.register(host, xtr_id=to, rloc=f"192.0.2.{to[0] + 1}")
    assert agent.hears() is not None, "no Map-Notify"


def asked(node: Node) -> Result:
    return CliRunner().invoke(cli, ["status", "--state", str(node.state), "-o", "json"])


def status(node: Node) -> str:
    result = asked(node)
    assert result.exit_code in (0, 1), result.output
    return result.output


def test_moves_are_told_though_the_process_is_killed_and_until_a_reload_ends_it(node: Node) -> None:
    key = node.folder / "hook.key"
    key.write_text(SECRET)
    key.chmod(0o600)
    without = node.config.read_text()
    with Receiver() as receiver, xtr(node.address) as agent:
        hook = f"hooks: [{{on: [arrival], url: '{receiver.url}', secret-file: hook.key}}]\n"
        node.config.write_text(without + hook)
        node.start()
        until(lambda: asked(node).exit_code in (0, 1), node.said)
        moves(agent, FIRST)
        moves(agent, SECOND)
        until(lambda: len(receiver.taken) == 1, node.said)
        told = receiver.taken[0]
        assert (told["event"], told["eid_prefix"], told["site"]) == (
            "arrival",
            "198.18.1.7/32",
            "site-one",
        )
        assert told["from"] == [{"xtr_id": FIRST.hex(), "address": "127.0.0.1"}]
        assert told["to"] == {"xtr_id": SECOND.hex(), "address": "127.0.0.1"}

        # Killed before it has noted that this one is told, it would tell it again.
        until(lambda: '"delivered": 1' in status(node), lambda: status(node))
        os.kill(node.child_pid("hooks"), signal.SIGKILL)
        moves(agent, THIRD)
        until(lambda: len(receiver.taken) == 2, node.said)
        assert receiver.taken[1]["to"]["xtr_id"] == THIRD.hex()
        until(lambda: '"delivered": 2' in status(node), lambda: status(node))
        for file in node.state.rglob("*"):
            if file.is_file():
                assert SECRET.encode() not in file.read_bytes(), file.name
        assert SECRET not in node.said()
        assert SITE_SECRET not in "".join(map(str, receiver.posted))

        node.config.write_text(without)
        node.reload()
        until(lambda: '"hooks": []' in status(node), lambda: status(node))
        moves(agent, SECOND, "198.18.1.8/32")
        moves(agent, FIRST, "198.18.1.8/32")
        assert node.stop() == 0
        assert len(receiver.taken) == 2


def test_a_certificate_file_that_is_none_is_refused(node: Node) -> None:
    key = node.folder / "hook.key"
    key.write_text(SECRET)
    key.chmod(0o600)
    (node.folder / "ca.pem").write_text("no certificate\n")
    hook = "hooks: [{on: [arrival], url: 'https://[::1]:1/', secret-file: hook.key, ca: ca.pem}]\n"
    node.config.write_text(node.config.read_text() + hook)
    code, said = node.fails_to_start()
    assert code == 1
    assert "hooks[0].ca" in said
