"""A lab that is killed leaves nothing behind for longer than until the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.alt.lab.network import pids_in, reap

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

_LAB = """
import sys, time
from tests.alt.lab.foreign import Bird
from tests.alt.lab.lab import Lab
from tests.alt.lab.programs import ask
from tests.alt.lab.topology import load

lab = Lab(load("large.yaml"))
lab.folder.mkdir(mode=0o711)
node = lab.topology.node("above")
(lab.folder / "above").mkdir()
(lab.folder / "above" / "above.routes.conf").touch()
bird = Bird(node, lab.topology, lab.network, lab.folder / "above")
bird.start()
# One that nothing tells to end, since it is not a child of the lab's.
ask(bird.overlay, "sh", "-c", "setsid -f sleep 1000 >/dev/null 2>&1")
print(lab.network.tag, bird.overlay, flush=True)
time.sleep(1000)
"""


def test_what_a_killed_lab_leaves_is_removed_by_the_next() -> None:
    lab = subprocess.Popen([sys.executable, "-c", _LAB], stdout=subprocess.PIPE, text=True)
    assert lab.stdout is not None
    try:
        tag, overlay = lab.stdout.readline().split()
        assert tag not in reap(), "it is alive"
        assert len(pids_in(overlay)) == 2
    finally:
        lab.kill()
        lab.wait(20)
        lab.stdout.close()
        removed = reap()
    assert tag in removed
    assert not list(Path("/run/netns").glob(f"{tag}-*"))
    assert not list(Path("/tmp").glob(f"{tag}*"))
    deadline = time.monotonic() + 20
    while _processes_that_say(tag):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _processes_that_say(tag: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if tag in command and int(folder.name) != os.getpid():
            found.append(command)
    return found
