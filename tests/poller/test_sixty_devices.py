"""Among sixty xTRs behind a running node, what is wrong is seen in one cycle, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mapsys.eid import EidPrefix
from mapsys.poller.results import Flag, PollResults, ResultsFile
from tests.daemon.node import SECRET, Node, until
from tests.poller.devices import Device, Devices

ETR_PORT = 4342
"""Where a Map-Server passes Map-Requests on to; the devices' addresses are their own."""

POLLER = "poller: {interval: 10s, timeout: 3s, slow: 2s}\n"
SILENT, WRONG, SLOW = 7, 23, 42


def device(number: int) -> Device:
    host, prefix = f"127.61.7.{number + 1}", EidPrefix.parse(f"198.18.{number}.0/24")
    if number == SILENT:
        return Device(host, prefix, delay_seconds=None)
    if number == WRONG:
        return Device(host, prefix, claims="127.61.7.200")
    if number == SLOW:
        return Device(host, prefix, delay_seconds=2.3)
    return Device(host, prefix)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    made.configure(sites=tuple((f"site-{n:02}", f"198.18.{n}.0/24") for n in range(60)))
    try:
        yield made
    finally:
        made.close()


def first_cycle(node: Node) -> PollResults:
    """What the poller finds in its first cycle."""
    file = ResultsFile(node.state)
    until(lambda: file.read() is not None, lambda: f"no cycle was completed: {node.said()}")
    results = file.read()
    assert results is not None
    return results


def test_a_silent_a_wrong_and_a_slow_device_are_flagged_and_no_other(node: Node) -> None:
    with Devices([device(number) for number in range(60)], ETR_PORT) as devices:
        node.start()
        devices.register(node.address, SECRET.encode())
        devices.answer()
        with node.config.open("a", encoding="utf-8") as file:
            file.write(POLLER)
        node.reload()
        results = first_cycle(node)
    assert results.cycles == 1
    flags = {row.site: row.flags for row in results.rows}
    assert len(flags) == 60
    assert {site: found for site, found in flags.items() if found} == {
        f"site-{SILENT:02}": [Flag.SILENT],
        f"site-{WRONG:02}": [Flag.WRONG],
        f"site-{SLOW:02}": [Flag.SLOW],
    }
    wrong = next(row for row in results.rows if Flag.WRONG in row.flags)
    assert wrong.expected == f"127.61.7.{WRONG + 1} 1/100 255/0"
    assert wrong.heard[0].answer == "127.61.7.200 1/100 255/0"
    assert wrong.heard[0].map_replier == f"127.61.7.{WRONG + 1}:{ETR_PORT}"
    assert node.stop() == 0


def test_a_poller_that_is_not_configured_any_more_ends(node: Node) -> None:
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text + POLLER, encoding="utf-8")
    node.start()
    until(lambda: len(node.named("child-started")) == 3, lambda: f"no poller: {node.said()}")
    pid = node.child_pid("poller")
    node.config.write_text(text, encoding="utf-8")
    node.reload()
    until(lambda: not Path(f"/proc/{pid}").exists(), lambda: "the poller did not end")
    assert node.named("child-ended") == []
    assert node.stop() == 0
