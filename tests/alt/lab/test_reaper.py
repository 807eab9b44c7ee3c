"""A lab that is killed leaves nothing behind for longer than until the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mapsys.lab.leftovers import folder_of, namespaces, processes, reap

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

_LAB = """
import sys, time
from mapsys.lab.foreign import Bird
from mapsys.lab.lab import Lab
from mapsys.lab.programs import ask
from mapsys.lab.topology import load

lab = Lab(load("large.yaml"))
lab.folder.mkdir(mode=0o711)
node = lab.topology.node("above")
(lab.folder / "above").mkdir()
(lab.folder / "above" / "above.routes.conf").touch()
bird = Bird(node, lab.topology, lab.network, lab.folder / "above")
bird.start()
# One that nothing tells to end, since it is not a child of the lab's.
ask(bird.overlay, "sh", "-c", "setsid -f sleep 1000 >/dev/null 2>&1")
print(lab.network.tag, flush=True)
time.sleep(1000)
"""


def test_what_a_killed_lab_leaves_is_removed_by_the_next() -> None:
    lab = subprocess.Popen([sys.executable, "-c", _LAB], stdout=subprocess.PIPE, text=True)
    assert lab.stdout is not None
    try:
        tag = lab.stdout.readline().strip()
        assert tag not in reap(), "it is alive"
        assert len(processes(tag)) == 4, "BIRD, the tunnels' end and its helper, the orphan"
        assert len(namespaces(tag)) == 3
        assert folder_of(tag).is_dir()
    finally:
        lab.kill()
        lab.wait(20)
        lab.stdout.close()
        removed = reap()
    assert tag in removed
    assert not processes(tag)
    assert not namespaces(tag)
    assert not folder_of(tag).exists()
