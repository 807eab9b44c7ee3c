"""A Map-Request from one end of the row to the other, and what goes wrong on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mapsys.wire.records import Action
from tests.alt.data.lab import in_namespace, socket_in
from tests.alt.node.row import (
    PATIENCE_SECONDS,
    RESOLVER,
    SECRET,
    AltDaemon,
    Row,
    capabilities_of,
    run_command,
    until,
)
from tests.leftovers import namespaces

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

HELPER_CAPABILITIES = 1 << 12 | 1 << 13 | 1 << 21
"""CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN."""


@contextmanager
def etr(row: Row, *words: str) -> Iterator[None]:
    """``mapsys register`` at the ETR's place, for a while; registered once inside."""
    process = in_namespace(
        row.etr,
        [sys.executable, "-m", "mapsys.cli.main", "register", *words, *REGISTER],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "SECRET": SECRET, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if b"Map-Notify from" in line:
                break
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.wait(PATIENCE_SECONDS)


REGISTER = (
    *("-m", "192.0.2.2", "--key-id", "1", "--secret-env", "SECRET"),
    *("--bind", "192.0.2.31", "--rloc", "192.0.2.31", "--withdraw-on-exit"),
)


Denial = tuple[str, str, Action, int]
"""Who denied an EID, for which EID-Prefix, with what action and TTL in minutes."""


def negative(row: Row, eid: str) -> Denial | None:
    """The negative answer for an EID; None for another one, and for none."""
    got = row.ask(eid)
    if got is None or not got.is_negative:
        return None
    record = got.record
    return (
        got.map_replier.host,
        str(record.eid_prefix),
        Action(record.action),
        record.record_ttl_minutes,
    )


def found(row: Row, eid: str) -> tuple[str, str] | None:
    """Who told of a mapping, and its EID-Prefix; None for a negative answer, and for none."""
    got = row.ask(eid)
    if got is None or got.is_negative:
        return None
    return got.map_replier.host, str(got.record.eid_prefix)


def speaker_of(node: AltDaemon) -> int:
    """The process of a node's ExaBGP."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if (
            b"server" in command
            and str(node.state / "alt" / "0" / "exabgp.conf").encode() in command
        ):
            return int(folder.name)
    raise AssertionError(f"{node.name} has no ExaBGP")


def test_nothing_is_denied_before_the_parents_end_of_rib(row: Row) -> None:
    assert row.early is None
    expected = ("192.0.2.3", "198.18.128.0/17", Action.NATIVELY_FORWARD, 15)
    until(
        lambda: negative(row, "198.18.200.1") == expected,
        lambda: f"not denied later either: {negative(row, '198.18.200.1')}",
    )


def test_only_the_helper_keeps_privileges(row: Row) -> None:
    for node in row.nodes.values():
        assert node.capabilities() == {0}
        assert node.shown("status")["capabilities"] == []
        assert capabilities_of(speaker_of(node)) == 0
        assert node.process is not None
        helpers = [
            int(child)
            for child in Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children")
            .read_text()
            .split()
            if b"alt.helper" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        assert [capabilities_of(pid) for pid in helpers] == [HELPER_CAPABILITIES]


def test_a_registered_site_is_found_from_the_other_end(row: Row) -> None:
    absent = ("192.0.2.2", "198.18.1.0/24", Action.DROP, 1)
    assert negative(row, "198.18.1.5") == absent
    with etr(row, "198.18.1.0/24", "--proxy-reply"):
        run = run_command(row.itr, "lig", "198.18.1.5", "-m", RESOLVER.host, "-b")
        said = dict(line.split("=", 1) for line in run.stdout.splitlines())
        assert (said["MAP_REPLIER"], said["EID_PREFIX"]) == ("192.0.2.2", "198.18.1.0/24")
        assert said["LOCATOR_1"].startswith("192.0.2.31")
        routes = {r["eid_prefix"]: r for r in row["mspa"].shown("alt", "routes")}
        site = routes["198.18.1.0/24"]
        assert (site["peer"], site["told"]) == (None, [])
        assert [w["reason"] for w in site["withheld"]] == ["inside-aggregate"]
    until(
        lambda: negative(row, "198.18.1.5") == absent,
        lambda: "the site is still there after it was withdrawn",
    )


def test_the_etr_itself_answers_what_is_passed_on_to_it(row: Row) -> None:
    with etr(row, "198.18.2.0/24", "2001:db8:e002::/48"):
        for eid in ("198.18.2.9", "2001:db8:e002::9"):
            got = row.ask(eid)
            assert got is not None
            assert got.map_replier.host == "192.0.2.31", eid


def test_holes_are_denied_by_whoever_aggregates_them(row: Row) -> None:
    native = (Action.NATIVELY_FORWARD, 15)
    assert negative(row, "198.18.5.1") == ("192.0.2.2", "198.18.4.0/22", *native)
    assert negative(row, "198.18.9.1") == ("192.0.2.1", "198.18.8.0/21", *native)


def test_a_trace_names_every_hop_and_its_matching_prefix(row: Row) -> None:
    with etr(row, "198.18.1.0/24"):
        way = row["mr1"].shown("alt", "trace", "198.18.1.5")
    assert way["complete"]
    assert [(h["hops"], h["node"], h["eid_prefix"], h["does"]) for h in way["hops"]] == [
        (0, "mr1", "198.18.0.0/19", "via arin"),
        (1, "arin", "198.18.0.0/21", "via mspa"),
        (2, "mspa", "198.18.1.0/24", "site"),
    ]
    assert [h["address"] for h in way["hops"]] == [None, "192.0.2.1", "192.0.2.2"]
    six = row["mr1"].shown("alt", "trace", "2001:db8:e002::5")["hops"]
    assert [(h["node"], h["eid_prefix"]) for h in six] == [
        ("mr1", "2001:db8:e000::/38"),
        ("arin", "2001:db8:e000::/40"),
        ("mspa", "2001:db8:e002::/48"),
    ]
    nowhere = row["mr1"].command("alt", "trace", "02:00:00:00:00:01")
    assert nowhere.exit_code == 2
    assert "carries Map-Requests for single IP addresses" in nowhere.output


def test_lists_show_every_node_as_it_is(row: Row) -> None:
    peers = {p["name"]: p for p in row["arin"].shown("alt", "peers")}
    assert {(name, p["role"], p["state"]) for name, p in peers.items()} == {
        ("mspa", "child", "up"),
        ("mspa-b", "child", "down"),
        ("mr1", "child", "up"),
    }
    assert peers["mspa"]["complete"] == ["ipv4", "ipv6"]
    assert peers["mspa"]["accepted"] == 2
    blocks = {a["eid_prefix"]: a for a in row["arin"].shown("alt", "aggregates")}
    assert blocks["198.18.0.0/19"]["announced"]
    assert (blocks["198.18.0.0/19"]["components"], blocks["198.18.0.0/19"]["delegated"]) == (1, 1)
    states = {d["eid_prefix"]: d["state"] for d in row["mspa"].shown("alt", "delegations")}
    assert states["198.18.0.0/21"] == "present"
    assert states["198.18.1.0/24"] == "absent"
    assert row["mspa"].shown("alt", "rejected") == []
    for form in ("table", "ndjson", "yaml", "csv"):
        for what in ("peers", "routes", "aggregates", "delegations", "rejected", "tunnels"):
            run = row["mspa"].command("alt", what, "-o", form)
            assert run.exit_code == 0, run.output
    other = row["mspa"].command("alt", "peers", "-i", "7")
    assert (other.exit_code, "instance-ID 7 has no ALT here" in other.output) == (3, True)


def test_a_site_that_expires_is_withdrawn(row: Row) -> None:
    def hasty(text: str) -> str:
        return text.replace("{rate-limits: off}", "{rate-limits: off, registration-lifetime: 2s}")

    mspa = row["mspa"]
    mspa.configure(change=hasty)
    assert mspa.reload() == "reloaded"
    try:
        run = run_command(
            row.etr, "register", "198.18.1.7/32", *REGISTER, "--once", env={"SECRET": SECRET}
        )
        assert run.returncode == 0, run.stderr
        assert row["mr1"].shown("alt", "trace", "198.18.1.9")["hops"][2]["does"] == "site"
        mspa.wait_for("expired", eid="198.18.1.7/32")
        last = row["mr1"].shown("alt", "trace", "198.18.1.9")["hops"][2]
        assert last["does"] == "delegated-hole"
    finally:
        mspa.configure()
        assert mspa.reload() == "reloaded"


def test_a_dead_speaker_is_replaced_and_requests_go_on_meanwhile(row: Row) -> None:
    arin = row["arin"]
    before = len(arin.named("alt-peer-up"))
    with etr(row, "198.18.1.0/24", "--proxy-reply"):
        os.kill(speaker_of(arin), signal.SIGKILL)
        arin.wait_for("alt-fault", kind="speaker-lost")
        assert found(row, "198.18.1.5") == ("192.0.2.2", "198.18.1.0/24")
        arin.wait_for("alt-peer-up", count=before + 2)
        assert found(row, "198.18.1.6") == ("192.0.2.2", "198.18.1.0/24")


def test_a_killed_node_leaves_nothing_and_comes_back_with_what_it_knew(row: Row) -> None:
    mspa, arin = row["mspa"], row["arin"]
    run = run_command(
        row.etr, "register", "198.18.1.0/24", *REGISTER, "--once", "--proxy-reply",
        env={"SECRET": SECRET},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    speaker, ups = speaker_of(mspa), len(arin.named("alt-peer-up", peer="mspa"))
    mspa.kill()
    until(
        lambda: mspa.overlay not in namespaces() and not Path(f"/proc/{speaker}").exists(),
        lambda: "overlay or ExaBGP outlived the node",
    )
    # Back with a wrong key: no session, and the neighbour counts what it cannot place.
    mspa.configure(key=4711)
    mspa.start()
    until(
        lambda: tunnel(arin, None)["dropped"].get("wrong-key", 0) > 0,
        lambda: f"no wrong key was counted: {tunnel(arin, None)}",
    )
    assert [p["state"] for p in mspa.shown("alt", "peers")] == ["down"]
    mspa.configure()
    assert mspa.reload() == "reloaded"
    arin.wait_for("alt-peer-up", count=ups + 1, peer="mspa")
    until(
        lambda: found(row, "198.18.1.5") == ("192.0.2.2", "198.18.1.0/24"),
        lambda: "the registration was not restored and announced",
    )


def test_garbage_in_the_tunnel_is_counted_by_reason(row: Row) -> None:
    arin = row["arin"]
    junk = bytes.fromhex("20000800000003ee") + b"\x45" + bytes(40)
    with socket_in(row.spaces["mspa"], 2, 3, 47) as neighbour:
        neighbour.sendto(junk, ("192.0.2.1", 0))
    until(
        lambda: tunnel(arin, "mspa")["dropped"].get("truncated", 0) == 1,
        lambda: f"not counted: {tunnel(arin, 'mspa')}",
    )


def test_a_refused_reload_changes_nothing(row: Row) -> None:
    mspa = row["mspa"]
    mspa.configure(change=lambda text: text.replace("backend: userspace", "backend: memory"))
    assert mspa.reload() == "reload-refused"
    assert "change with a restart only" in mspa.named("reload-refused")[-1]["why"]
    mspa.configure()
    assert mspa.reload() == "reloaded"
    assert [p["state"] for p in mspa.shown("alt", "peers")] == ["up"]


def tunnel(node: AltDaemon, name: str | None) -> dict[str, Any]:
    return next(t for t in node.shown("alt", "tunnels") if t["name"] == name)
