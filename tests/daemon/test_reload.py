"""SIGHUP: a new configuration under a running node."""

from __future__ import annotations

import socket

from mapsys.core.effects import Endpoint
from tests.daemon.node import Node, free_port, xtr

TWO_SITES = (("site-one", "198.18.1.0/24"), ("site-two", "198.18.2.0/24"))


def test_a_reload_adds_a_site_and_an_address_and_drops_nothing(node: Node) -> None:
    node.start()
    second = Endpoint("::1", free_port("::1"))
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        node.configure(also_listen=(second,), sites=TWO_SITES)
        lines = node.reload()
        assert lines[-1]["event"] == "reloaded"
        assert lines[-1]["dropped"] == 0
        told = [line["change"] for line in lines if line["event"] == "reload-change"]
        assert any("site-two" in change for change in told)
        assert any(str(second) in change for change in told)
        site.registers("198.18.2.0/24")
        reply = site.asks("198.18.1.1")
        assert reply is not None
        assert reply.records[0].rlocs
    with xtr(second) as other:
        reply = other.asks("198.18.2.1")
        assert reply is not None
        assert reply.records[0].rlocs


def test_a_reload_drops_what_is_no_longer_allowed(node: Node) -> None:
    node.configure(sites=TWO_SITES)
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        site.registers("198.18.2.0/24")
        node.configure()
        assert node.reload()[-1]["dropped"] == 1
        gone = site.asks("198.18.2.1")
        assert gone is not None
        assert gone.records[0].rlocs == ()
        stays = site.asks("198.18.1.1")
        assert stays is not None
        assert stays.records[0].rlocs


def test_a_bad_file_changes_nothing_and_every_fault_is_told(node: Node) -> None:
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        good = node.config.read_text()
        node.config.write_text(good.replace("198.18.1.0/24", "198.18.1.9/24") + "nonsense: 1\n")
        lines = node.reload()
        assert lines[-1]["event"] == "reload-refused"
        faults = [line["fault"] for line in lines if line["event"] == "config-fault"]
        assert len(faults) == 2
        assert any("nonsense" in fault for fault in faults)
        assert any("host bits" in fault for fault in faults)
        site.registers("198.18.1.0/24")
        node.config.write_text(good)
        assert node.reload()[-1]["event"] == "reloaded"


def test_a_taken_address_refuses_the_reload(node: Node) -> None:
    node.start()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder,
        xtr(node.address) as site,
    ):
        holder.bind(("127.0.0.1", 0))
        taken = Endpoint(*holder.getsockname())
        node.configure(also_listen=(taken,), sites=TWO_SITES)
        last = node.reload()[-1]
        assert last["event"] == "reload-refused"
        assert f"UDP {taken} is taken by" in last["why"]
        site.registers("198.18.1.0/24")
        site.register("198.18.2.0/24")
        assert node.wait_for("message-dropped")["reason"] == "no-site"


def test_what_needs_a_restart_refuses_the_reload(node: Node) -> None:
    node.start()
    text = node.config.read_text()
    node.config.write_text(text.replace(str(node.state), str(node.folder / "elsewhere")))
    last = node.reload()[-1]
    assert last["event"] == "reload-refused"
    assert last["why"] == "state changes with a restart only"
    assert not (node.folder / "elsewhere").exists()


def test_an_option_stays_in_force_over_a_reload(node: Node) -> None:
    other = Endpoint("127.0.0.1", free_port())
    node.launch("--listen", str(other))
    node.wait_for("ready")
    assert node.reload()[-1]["event"] == "reloaded"
    with xtr(other) as site:
        site.registers("198.18.1.0/24")
