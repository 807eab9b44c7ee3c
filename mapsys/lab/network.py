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
        self.bridge = self.add_namespace("net")
        add_bridge(self.bridge, BRIDGE)

    def add_host(self, name: str, *addresses: str) -> str:
        """A host on the bridge with these addresses of one /24 or /64; returns its namespace."""
        namespace = self.add_namespace(f"u-{name}")
        plug(self.bridge, BRIDGE, _port(name), namespace)
        for address in addresses:
            add_address(namespace, "eth0", f"{address}/{64 if ':' in address else 24}")
        return namespace

    def add_namespace(self, label: str) -> str:
        """A namespace of this lab that is connected to nothing; returns its name."""
        name = f"{self.tag}-{label}"
        try:
            make_overlay(name)
        except TunnelError as error:
            raise LabError(str(error)) from error
        self._made.append(name)
        return name

    def node_name(self, name: str) -> str:
        """What a node is called on this machine; it decides about its overlays' names."""
        return f"{self.tag}-{name}".removeprefix("mapsys-")

    def overlay(self, name: str, instance_id: int = 0) -> str:
        """The name of a node's overlay."""
        return overlay_name(self.node_name(name), instance_id)

    def cut(self, name: str) -> None:
        """Pull a host's cable."""
        ip("-n", self.bridge, "link", "set", _port(name), "down")

    def repair(self, name: str) -> None:
        """Plug it in again."""
        ip("-n", self.bridge, "link", "set", _port(name), "up")

    def left_behind(self) -> list[str]:
        """Processes and overlays of this lab; after its end there should be none."""
        overlays = [name for name in leftovers.namespaces(self.tag) if name not in self._made]
        running = leftovers.processes(self.tag)
        return [*(f"process {pid}" for pid in running), *(f"namespace {n}" for n in overlays)]

    def close(self) -> None:
        """Remove every namespace, and whatever runs in them."""
        leftovers.remove(self.tag)
        del os.environ[leftovers.TAG_VARIABLE]


def add_bridge(namespace: str, name: str) -> None:
    """A bridge, up, in a namespace."""
    ip("-n", namespace, "link", "add", name, "type", "bridge")
    ip("-n", namespace, "link", "set", name, "up")


def plug(bridge_namespace: str, bridge: str, port: str, namespace: str) -> None:
    """Connect a namespace's ``eth0``, which is made, with a port of a bridge."""
    ip("-n", bridge_namespace, "link", "add", port, "type", "veth",
        "peer", "name", "eth0", "netns", namespace)  # fmt: skip
    ip("-n", bridge_namespace, "link", "set", port, "master", bridge, "up")
    ip("-n", namespace, "link", "set", "eth0", "up")


def unplug(namespace: str) -> None:
    """Take a namespace's ``eth0`` away, and the port it was connected with."""
    ip("-n", namespace, "link", "del", "eth0")


def add_address(namespace: str, device: str, interface: str) -> None:
    """Give a device an address with its length."""
    ip("-n", namespace, "addr", "add", interface, "dev", device)


def remove_address(namespace: str, device: str, interface: str) -> None:
    """Take it away again."""
    ip("-n", namespace, "addr", "del", interface, "dev", device)


def add_route(namespace: str, prefix: str, *way: str) -> None:
    """A route, as in ``add_route(namespace, "default", "via", "198.18.1.1")``."""
    ip("-n", namespace, "-6" if ":" in prefix + "".join(way) else "-4", "route", "replace",
        prefix, *way)  # fmt: skip


def set_sysctl(namespace: str, key: str, value: int) -> None:
    """Write below /proc/sys/net of a namespace, as in "ipv4/ip_forward"."""
    with inside(namespace):
        Path("/proc/sys/net", key).write_text(f"{value}\n", encoding="ascii")


def socket_in(
    namespace: str,
    host: str,
    port: int,
    kind: socket.SocketKind = socket.SOCK_DGRAM,
) -> socket.socket:
    """A socket that belongs to a namespace, bound there: UDP, or of another kind."""
    with inside(namespace):
        opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
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


def ip(*words: str) -> None:
    """Run ``ip``. Raises LabError where it says no."""
    try:
        subprocess.run([program("ip"), *words], check=True, timeout=30, capture_output=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise LabError(f"ip {' '.join(words)} failed: {said}") from error
