"""A whole node over a disk that keeps it waiting or fails, under clocks that jump, and frozen."""

from __future__ import annotations

import signal
import time

import pytest

from mapsys.wire.map_notify import MapNotify
from mapsys.wire.message import decode
from tests.daemon.node import Node, Xtr, until, xtr
from tests.reliability.faulty_disk import FaultyDisk

pytestmark = pytest.mark.slow

TEN_YEARS = 10 * 365 * 86_400
LIFETIME_SECONDS = 2
FROZEN_SECONDS = 5.0


def hears_a_notify(site: Xtr) -> None:
    octets = site.hears()
    assert octets is not None, "no Map-Notify"
    assert isinstance(decode(octets), MapNotify)


def leads_somewhere(site: Xtr, eid: str) -> bool:
    reply = site.asks(eid)
    assert reply is not None, f"silence about {eid}"
    return bool(reply.records[0].rlocs)


def test_a_slow_disk_holds_acknowledgments_back_and_nothing_else(node: Node) -> None:
    disk = FaultyDisk(node)
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        disk.holds()
        site.register("198.18.1.2/32")
        for _ in range(20):  # whatever comes first would be a Map-Notify, and fail here
            assert leads_somewhere(site, "198.18.1.1")
        disk.is_sound()
        hears_a_notify(site)
        disk.holds()
        site.register("198.18.1.3/32")
        assert leads_somewhere(site, "198.18.1.2")
        node.end_by(signal.SIGKILL)
        disk.is_sound()
        node.start()
        assert leads_somewhere(site, "198.18.1.1")
        assert leads_somewhere(site, "198.18.1.2")
        assert node.named("state-damaged") == []
        assert node.stop() == 0


@pytest.mark.parametrize("what", ["fsync", "write"])
def test_a_failing_disk_acknowledges_nothing_and_heals_by_itself(node: Node, what: str) -> None:
    disk = FaultyDisk(node)
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        disk.fails_to(what)
        site.register("198.18.1.2/32")
        assert "the disk reports an error" in node.wait_for("journal-failed")["problem"]
        assert leads_somewhere(site, "198.18.1.1")
        disk.is_sound()
        node.wait_for("journal-writes")
        hears_a_notify(site)
        node.end_by(signal.SIGKILL)
        node.start()
        assert node.wait_for("ready")["restored"] == 2
        assert leads_somewhere(site, "198.18.1.2")
        assert node.stop() == 0


def test_a_wall_clock_that_jumps_ends_no_registration(node: Node) -> None:
    disk = FaultyDisk(node)
    node.start()
    jumps = (TEN_YEARS, -TEN_YEARS, 3_600, -3_600)
    eids = [f"198.18.1.{number}" for number in range(1, 1 + len(jumps))]
    with xtr(node.address) as site:
        for eid, jump in zip(eids, jumps, strict=True):
            disk.clock_is_off_by(jump)
            site.registers(f"{eid}/32")
            assert all(leads_somewhere(site, other) for other in eids[: eids.index(eid) + 1])
        assert node.named("expired") == []
        node.end_by(signal.SIGKILL)
        node.start()
        assert node.wait_for("ready")["restored"] == len(eids)
        assert all(leads_somewhere(site, eid) for eid in eids)
        assert node.stop() == 0


def test_a_node_frozen_for_longer_than_a_registration_lives(node: Node) -> None:
    """Who went on registering is there; who did not is gone, and neither is forgotten."""
    text = node.config.read_text(encoding="utf-8")
    lifetime = f"registration-lifetime: {LIFETIME_SECONDS}s"
    node.config.write_text(
        text.replace("{rate-limits: off}", f"{{rate-limits: off, {lifetime}}}"), encoding="utf-8"
    )
    node.start()
    assert node.process is not None
    with xtr(node.address) as site:
        for number in (1, 2):
            site.registers(f"198.18.1.{number}/32")
        node.process.send_signal(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        site.register("198.18.1.1/32")
        node.process.send_signal(signal.SIGCONT)
        hears_a_notify(site)
        assert leads_somewhere(site, "198.18.1.1")
        until(lambda: not leads_somewhere(site, "198.18.1.2"), node.said)
        until(lambda: not leads_somewhere(site, "198.18.1.1"), node.said)
    assert node.named("fault") == []
    assert node.stop() == 0
