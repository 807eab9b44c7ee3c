"""The underlay: a bridge as the Internet, a namespace for each host, and their removal."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from alt.netns import inside, make_overlay, overlay_name, overlay_owner, remove_overlay
from alt.tunnel.base import TunnelError
from tests.alt.lab.errors import LabError
from tests.alt.lab.programs import program

PREFIX: Final = "mapsys-lab"
BRIDGE: Final = "br0"

_RUN: Final = Path("/run/netns")
_OURS: Final = re.compile(rf"({PREFIX}-[0-9a-f]+)-.+")
_GRACE_SECONDS: Final = 10.0


class Network:
    """The namespaces of one lab; their names begin with ``tag``, which no other lab has."""

    def __init__(self) -> None:
        """Raises LabError where namespaces cannot be made."""
        self.tag = f"{PREFIX}-{secrets.token_hex(3)}"
        self._made: list[str] = []
        self.bridge = self._make("net")
        _ip("-n", self.bridge, "link", "add", BRIDGE, "type", "bridge")
        _ip("-n", self.bridge, "link", "set", BRIDGE, "up")

    def add_host(self, name: str, *addresses: str) -> str:
        """A host on the bridge with these addresses of one /24; returns its namespace."""
        namespace = self._make(f"u-{name}")
        port = _port(name)
        _ip("-n", self.bridge, "link", "add", port, "type", "veth",
            "peer", "name", "eth0", "netns", namespace)  # fmt: skip
        _ip("-n", self.bridge, "link", "set", port, "master", BRIDGE, "up")
        for address in addresses:
            _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        return namespace

    def node_name(self, name: str) -> str:
        """What a node is called on this machine; it decides about its overlays' names."""
        return f"{self.tag}-{name}".removeprefix("mapsys-")

    def overlay(self, name: str, instance_id: int = 0) -> str:
        """The name of a node's overlay."""
        return overlay_name(self.node_name(name), instance_id)

    def cut(self, name: str) -> None:
        """Pull a host's cable."""
        _ip("-n", self.bridge, "link", "set", _port(name), "down")

    def repair(self, name: str) -> None:
        """Plug it in again."""
        _ip("-n", self.bridge, "link", "set", _port(name), "up")

    def left_behind(self) -> list[str]:
        """Processes and overlays of this lab that should have ended by now."""
        own = [name for name in _namespaces() if name.startswith(f"{self.tag}-")]
        found = [f"process {pid} in {name}" for name in own for pid in pids_in(name)]
        return found + [f"namespace {name}" for name in own if name not in self._made]

    def close(self) -> None:
        """Remove every namespace, whatever is in it."""
        _remove(self.tag)

    def _make(self, label: str) -> str:
        name = f"{self.tag}-{label}"
        try:
            make_overlay(name)
        except TunnelError as error:
            raise LabError(str(error)) from error
        self._made.append(name)
        return name


def socket_in(namespace: str, host: str, port: int) -> socket.socket:
    """A UDP socket that belongs to a namespace, bound there."""
    with inside(namespace):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host, port))
    return opened


def pids_in(namespace: str) -> list[int]:
    """The processes whose network namespace it is; none where it is gone."""
    try:
        wanted = (_RUN / namespace).stat().st_ino
    except FileNotFoundError:
        return []
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            if (folder / "ns/net").stat().st_ino == wanted:
                found.append(int(folder.name))
    return found


def reap() -> list[str]:
    """Remove what labs left behind that were killed; returns their tags.

    A lab is dead when the process is that owns its bridge.
    """
    labs: defaultdict[str, list[str]] = defaultdict(list)
    for name in _namespaces():
        if (ours := _OURS.fullmatch(name)) is not None:
            labs[ours[1]].append(name)
    dead = [tag for tag in labs if not _is_alive(f"{tag}-net")]
    for tag in dead:
        _remove(tag)
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
        if not _is_alive(f"{folder.name}-net"):
            shutil.rmtree(folder, ignore_errors=True)
    return dead


def _is_alive(bridge: str) -> bool:
    try:
        age_seconds = time.time() - (_RUN / bridge).stat().st_mtime
        owner = overlay_owner(bridge)
    except OSError:
        return False
    # One without an owner's mark is being made, or its maker died over it.
    return age_seconds < _GRACE_SECONDS if owner is None else owner.alive()


def _remove(tag: str) -> None:
    """End the processes in the namespaces of a lab, then remove those."""
    names = [name for name in _namespaces() if name.startswith(f"{tag}-")]
    deadline = time.monotonic() + _GRACE_SECONDS
    while pids := [pid for name in names for pid in pids_in(name)]:
        if time.monotonic() > deadline:
            raise LabError(f"processes {pids} of {tag} do not end; kill them and try again")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    for name in names:
        remove_overlay(name)


def _namespaces() -> list[str]:
    return [path.name for path in _RUN.glob(f"{PREFIX}-*")]


def _port(name: str) -> str:
    return f"port-{name}"[:15]


def _ip(*words: str) -> None:
    try:
        subprocess.run([program("ip"), *words], check=True, timeout=30, capture_output=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise LabError(f"ip {' '.join(words)} failed: {said}") from error
