"""The journal cannot write: nothing is acknowledged, questions are answered, and it heals."""

from __future__ import annotations

import resource

from tests.daemon.node import Node, xtr


def test_registers_wait_for_the_disk_and_lookups_do_not(node: Node) -> None:
    node.start()
    assert node.process is not None
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        # From here on no file may grow past what the journal has reached; the log is shorter.
        reached = (node.state / "journal.db-wal").stat().st_size
        limit = (reached, resource.RLIM_INFINITY)
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, limit)
        site.register("198.18.1.2/32")
        node.wait_for("journal-failed")
        reply = site.asks("198.18.1.1")
        assert reply is not None, "lookups go on, and no Map-Notify came before"
        assert reply.records[0].rlocs
        site.register("198.18.1.3/32")
        assert node.wait_for("register-refused")["reason"] == "journal-unavailable"

        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, unlimited)
        node.wait_for("journal-writes")
        assert site.hears() is not None, "the Map-Notify that had waited"
        site.registers("198.18.1.3/32")
        node.stop()
        node.start()
        assert node.wait_for("ready")["restored"] == 3
