"""The underlay: a bridge as the Internet, and a namespace for each host."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
from pathlib import Path
from typing import Final

from alt.netns import inside, make_overlay, overlay_name
from alt.tunnel.base import TunnelError
from mapsys.lab import leftovers
from mapsys.lab.errors import LabError
from mapsys.lab.programs import program

BRIDGE: Final = "br0"


class Network:
    """The namespaces of one lab; their names begin with ``tag``, which no other lab has."""

    def __init__(self) -> None:
        """Raises LabError where namespaces cannot be made."""
        self.tag = f"{leftovers.TAG_PREFIX}-{secrets.token_hex(3)}"
        os.environ[leftovers.TAG_VARIABLE] = self.tag
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
        """Processes and overlays of this lab; after its end there should be none."""
        overlays = [name for name in leftovers.namespaces(self.tag) if name not in self._made]
        running = leftovers.processes(self.tag)
        return [*(f"process {pid}" for pid in running), *(f"namespace {n}" for n in overlays)]

    def close(self) -> None:
        """Remove every namespace, and whatever runs in them."""
        leftovers.remove(self.tag)
        del os.environ[leftovers.TAG_VARIABLE]

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
        wanted = Path("/run/netns", namespace).stat().st_ino
    except FileNotFoundError:
        return []
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            if (folder / "ns/net").stat().st_ino == wanted:
                found.append(int(folder.name))
    return found


def _port(name: str) -> str:
    return f"port-{name}"[:15]


def _ip(*words: str) -> None:
    try:
        subprocess.run([program("ip"), *words], check=True, timeout=30, capture_output=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise LabError(f"ip {' '.join(words)} failed: {said}") from error
