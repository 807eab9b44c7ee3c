"""Reloads under load, every other one of a broken file: nothing is lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from mapsys.wire.map_notify import MapNotify
from tests.daemon.node import Node
from tests.reliability.load import configure, descriptors, peer

PATIENCE_SECONDS = 60.0
BROKEN = ("\0", "sites: {", "node: [", "", "control: {listen: [nowhere]}\n", "- a\n- list\n")


@dataclass
class Reloads:
    """What came of reloads. lost: messages that got no answer."""

    accepted: int = 0
    refused: int = 0
    messages: int = 0
    lost: list[str] = field(default_factory=list)
    new_descriptors: int = 0


def reloads(node: Node, count: int) -> Reloads:
    """Reload so many times, in turns a changed file and a broken one."""
    tally, stop = Reloads(), threading.Event()
    sites = (("site-one", "198.18.1.0/24"),)
    configure(node, sites)
    node.start()
    assert node.process is not None
    load = threading.Thread(target=_load, args=(node, stop, tally))
    load.start()
    before = descriptors(node.process.pid)
    try:
        for number in range(count):
            if number % 2:
                node.config.write_text(BROKEN[number // 2 % len(BROKEN)], encoding="utf-8")
            else:
                configure(node, (*sites, (f"site-{number}", f"198.18.{2 + number % 200}.0/24")))
            names = {line["event"] for line in node.reload()}
            tally.accepted += "reloaded" in names
            tally.refused += "reload-refused" in names
    finally:
        stop.set()
        load.join()
    tally.new_descriptors = descriptors(node.process.pid) - before
    node.stop()
    return tally


def _load(node: Node, stop: threading.Event, tally: Reloads) -> None:
    with peer(node.address) as site:
        number = 0
        while not stop.is_set():
            number += 1
            eid, rloc = f"198.18.1.{number % 200}", f"192.0.2.{1 + number % 250}"
            site.register(f"{eid}/32", rloc)
            if not isinstance(site.hear(PATIENCE_SECONDS), MapNotify):
                tally.lost.append(f"registration {number}")
            elif site.lookup([eid]) != {eid: rloc}:
                tally.lost.append(f"mapping {number}")
            tally.messages += 2
