"""What an operator tells a running node to forget, and what a restart still knows."""

from __future__ import annotations

import json
import os
import signal

from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from tests.daemon.node import Node, until, xtr

SITE = "site-one"


def mapsys(node: Node, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--state", str(node.state)], prog_name="mapsys")


def serves_http(node: Node) -> None:
    until(lambda: mapsys(node, "status").exit_code == 0, lambda: f"no HTTP: {node.said()}")


def test_an_etr_that_lost_its_nonce_starts_again_and_the_order_leaves_a_trail(node: Node) -> None:
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text + "    replay: strict\n", encoding="utf-8")
    node.start()
    serves_http(node)
    with xtr(node.address) as etr:
        etr.nonce = 5_000
        etr.registers("198.18.1.0/24")
        etr.nonce = 10
        etr.register("198.18.1.0/24")
        assert node.wait_for("message-dropped")["reason"] == "replayed"
        told = mapsys(node, "explain", "--last-refused", SITE)
        assert "mapsys key forget-nonce" in told.stdout
        done = mapsys(node, "key", "forget-nonce", SITE, "1")
        assert done.exit_code == 0, done.output
        etr.registers("198.18.1.0/24")
        logged = node.wait_for("nonce-forgotten")
        assert (logged["site"], logged["nonce"]) == (SITE, 5_001)
        assert logged["by"] == f"uid {os.getuid()}"
        assert mapsys(node, "key", "forget-nonce", SITE, "9").exit_code == 3
        assert mapsys(node, "key", "forget-nonce", "nobody", "1").exit_code == 3
        lines = (node.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()
        done, *refused = map(json.loads, lines)
        assert (done["nonce"], done["result"]) == (5_001, "done")
        assert [(one["what"], one["site"], one["result"]) for one in refused] == [
            ("nonce-forgotten", SITE, "refused: site-one has no key-id 9"),
            ("nonce-forgotten", "nobody", "refused: no site is called 'nobody'"),
        ]
        node.end_by(signal.SIGKILL)
        node.start()
        etr.nonce = 5
        etr.register("198.18.1.0/24")
        assert node.wait_for("message-dropped")["reason"] == "replayed"
        etr.nonce = 100
        etr.registers("198.18.1.0/24")


def test_moves_are_remembered_over_a_restart_and_forgotten_where_history_is_off(node: Node) -> None:
    node.start()
    with xtr(node.address) as one:
        for number in (1, 2):
            one.register("198.18.1.7/32", rloc=f"192.0.2.{number}", xtr_id=bytes([number]) * 16)
            assert one.hears() is not None
    node.end_by(signal.SIGKILL)
    node.start()
    serves_http(node)
    explained = mapsys(node, "explain", "198.18.1.7")
    assert f"(xTR {'01' * 16}) to 127.0.0.1 (xTR {'02' * 16})" in explained.stdout
    assert node.stop() == 0
    text = node.config.read_text(encoding="utf-8")
    text = text.replace("map-server: {", "map-server: {history: off, ")
    node.config.write_text(text, encoding="utf-8")
    node.start()
    serves_http(node)
    assert "moves" not in mapsys(node, "explain", "198.18.1.7").stdout
