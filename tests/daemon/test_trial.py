"""Reloading by order: for good, on trial, only to see; and what comes back by itself."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from tests.daemon.node import SECRET, Node, until, xtr

ADDED = f"""\
name: site-added
keys: [{{id: 1, secret: {SECRET}}}]
eids: [{{prefix: 198.18.9.0/24}}]
notify-port: source
"""
TWO_SITES = (("site-one", "198.18.1.0/24"), ("site-two", "198.18.2.0/24"))


def mapsys(node: Node, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--state", str(node.state)], prog_name="mapsys")


def status(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mapsys(node, "status", "-o", "json").stdout)
    return found


def started(node: Node) -> None:
    node.start()
    until(lambda: mapsys(node, "status").exit_code == 0, lambda: f"no status: {node.said()}")


def trail(node: Node) -> list[tuple[str, str, str]]:
    """What was ordered, by whom, and what came of it; a line of the audit trail each."""
    lines = (node.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    return [(one["what"], one["who"], one["result"]) for one in map(json.loads, lines)]


def test_reload_by_order_says_what_changes_and_what_is_wrong(node: Node) -> None:
    started(node)
    good = node.config.read_text()
    node.configure(sites=TWO_SITES)
    dry = mapsys(node, "reload", "--dry-run", "-o", "json")
    assert json.loads(dry.stdout)["changes"] == ["site site-two: added with 198.18.2.0/24"]
    assert status(node)["sites"] == 1
    assert "site site-two: added" in mapsys(node, "config", "diff").stdout
    assert mapsys(node, "reload").exit_code == 0
    assert status(node)["sites"] == 2
    assert mapsys(node, "config", "diff").stdout == "nothing changes\n"
    node.config.write_text(good + "nonsense: 1\n")
    refused = mapsys(node, "reload")
    assert refused.exit_code == 6
    assert f"{node.config}:{good.count(chr(10)) + 1}:1: unknown key 'nonsense'" in refused.stderr
    assert status(node)["sites"] == 2
    assert status(node)["failed_reloads"] == 1
    user = f"uid {os.getuid()}"
    assert trail(node) == [
        ("reload", user, "done"),
        ("reload", user, f"refused: {node.config} has 1 faults"),
    ]


def test_what_is_confirmed_stays_and_what_is_undone_goes(node: Node) -> None:
    started(node)
    assert mapsys(node, "reload", "confirm").exit_code == 3
    node.configure(sites=TWO_SITES)
    assert mapsys(node, "reload", "--confirm-within", "3600").exit_code == 0
    assert 0 < status(node)["unconfirmed_seconds"] <= 3600
    assert any("rolls back in" in one for one in status(node)["degraded"])
    assert mapsys(node, "reload").exit_code == 1
    assert mapsys(node, "reload", "undo").exit_code == 0
    assert status(node)["sites"] == 1
    assert status(node)["unconfirmed_seconds"] is None
    assert mapsys(node, "reload", "--confirm-within", "3600").exit_code == 0
    assert mapsys(node, "reload", "confirm").exit_code == 0
    assert status(node)["sites"] == 2
    assert not (node.state / "held.yaml").exists()
    node.stop()
    started(node)
    assert status(node)["sites"] == 2


def test_what_nobody_confirms_is_taken_back_and_no_restart_brings_it(node: Node) -> None:
    started(node)
    node.configure(sites=TWO_SITES)
    assert mapsys(node, "reload", "--confirm-within", "1").exit_code == 0
    node.wait_for("reload-rolled-back")
    assert status(node)["sites"] == 1
    assert any("nobody confirmed" in one for one in status(node)["degraded"])
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        node.stop()
        started(node)
        assert status(node)["sites"] == 1
        assert any("nobody confirmed" in one for one in status(node)["degraded"])
        reply = site.asks("198.18.1.1")
        assert reply is not None
        assert reply.records[0].rlocs
    node.stop()
    node.configure(sites=(*TWO_SITES, ("site-three", "198.18.3.0/24")))
    started(node)
    assert status(node)["sites"] == 3, "a file that was changed since is another one"
    assert SECRET not in node.said()


def test_a_trial_goes_on_over_a_crash(node: Node) -> None:
    started(node)
    node.configure(sites=TWO_SITES)
    assert mapsys(node, "reload", "--confirm-within", "3600").exit_code == 0
    assert (node.state / "held.yaml").stat().st_mode & 0o777 == 0o600
    node.end_by(signal.SIGKILL)
    started(node)
    assert status(node)["sites"] == 2
    assert status(node)["unconfirmed_seconds"] > 0
    assert mapsys(node, "reload", "undo").exit_code == 0
    assert status(node)["sites"] == 1


def test_a_site_of_the_database_is_there_once_whatever_becomes_of_a_trial(node: Node) -> None:
    """What is held for the case of an undo are the files' sites; the database keeps its own."""
    started(node)
    added = node.folder / "added.yaml"
    added.write_text(ADDED, encoding="utf-8")
    done = mapsys(node, "sites", "add", str(added))
    assert done.exit_code == 0, done.stderr
    node.configure(sites=TWO_SITES)
    for decision, sites in (("undo", 2), ("confirm", 3)):
        assert mapsys(node, "reload", "--confirm-within", "3600").exit_code == 0
        assert "site-added" not in (node.state / "held.yaml").read_text(encoding="utf-8")
        node.end_by(signal.SIGKILL)
        started(node)
        assert status(node)["sites"] == 3
        assert status(node)["unconfirmed_seconds"] > 0
        decided = mapsys(node, "reload", decision)
        assert decided.exit_code == 0, decided.stderr
        assert status(node)["sites"] == sites
        with xtr(node.address) as site:
            site.registers("198.18.9.0/24")
    user = f"uid {os.getuid()}"
    assert [what for what, who, result in trail(node) if (who, result) == (user, "done")] == [
        *("site-create", "reload", "reload-undo", "reload", "reload-confirm")
    ]


def test_nothing_takes_the_place_of_what_may_come_back(node: Node) -> None:
    node.configure(sites=TWO_SITES)
    started(node)
    node.configure(sites=TWO_SITES[:1])
    assert mapsys(node, "reload", "--confirm-within", "3600").exit_code == 0
    taker = node.folder / "taker.yaml"
    taker.write_text(ADDED.replace("198.18.9.0/24", "198.18.2.0/24"), encoding="utf-8")
    refused = mapsys(node, "sites", "add", str(taker))
    assert refused.exit_code == 5, refused.stderr
    assert "198.18.2.0/24 belongs to" in refused.stderr
    assert "comes back unless the present one is confirmed" in refused.stderr
    assert mapsys(node, "reload", "undo").exit_code == 0
    assert status(node)["sites"] == 2
