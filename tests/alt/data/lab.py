"""Underlay networks in namespaces: one bridge, a namespace and addresses for each node."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from alt.netns import inside, make_overlay, remove_overlay
from tests.programs import require_program

WAIT_SECONDS: Final = 60.0


class Underlay:
    """Nodes on one bridge: node N has 192.0.2.N and 2001:db8:f::N."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(2)
        self._ip = require_program("ip", "iproute2")
        self._made: list[str] = []
        self.bridge = self._make("net")
        self._do("-n", self.bridge, "link", "add", "br0", "type", "bridge")
        self._do("-n", self.bridge, "link", "set", "br0", "up")

    def add(self, number: int) -> str:
        """A node's underlay namespace, by name."""
        name = self._make(f"u{number}")
        port = f"port{number}"
        self._do(
            "-n", self.bridge, "link", "add", port, "type", "veth",
            "peer", "name", "eth0", "netns", name,
        )  # fmt: skip
        self._do("-n", self.bridge, "link", "set", port, "master", "br0", "up")
        for address in (f"192.0.2.{number}/24", f"2001:db8:f::{number}/64"):
            extra = ("nodad",) if ":" in address else ()
            self._do("-n", name, "addr", "add", address, "dev", "eth0", *extra)
        self._do("-n", name, "link", "set", "eth0", "up")
        return name

    def overlay(self, number: int) -> str:
        """The name that node N's overlay has in this run."""
        return f"mapsys-{self._run}-n{number}-0"

    def close(self) -> None:
        """Remove every namespace made; devices go with them."""
        for name in reversed(self._made):
            remove_overlay(name)

    def _make(self, label: str) -> str:
        name = f"mapsys-{self._run}-{label}"
        make_overlay(name)
        self._made.append(name)
        return name

    def _do(self, *words: str) -> None:
        subprocess.run([self._ip, *words], check=True, timeout=30, capture_output=True)


@contextmanager
def underlay() -> Iterator[Underlay]:
    """An underlay that is gone afterwards, whatever happens."""
    made = Underlay()
    try:
        yield made
    finally:
        made.close()


def in_namespace(name: str, command: list[str], **options: object) -> subprocess.Popen[bytes]:
    """Start a command there; its mounts stay the host's, so what it makes is visible."""
    nsenter = require_program("nsenter", "util-linux")
    return subprocess.Popen([nsenter, f"--net=/run/netns/{name}", *command], **options)  # type: ignore[call-overload,no-any-return]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll; fails with what was waited for."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS:.0f} s for {what}"
        time.sleep(0.02)


def socket_in(name: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket that belongs to a namespace."""
    with inside(name):
        opened = socket.socket(family, kind, protocol)
    opened.settimeout(WAIT_SECONDS)
    return opened


def ping(overlay: str, destination: str) -> bool:
    """One ICMP echo through the overlay's stack; whether the reply came."""
    version6 = ":" in destination
    family = socket.AF_INET6 if version6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if version6 else socket.IPPROTO_ICMP
    request, reply = (128, 129) if version6 else (8, 0)
    token = os.urandom(8)
    body = b"\0\1\0\1" + token
    head = bytes((request, 0))
    checksum = -int.from_bytes(head + b"\0\0" + body, "big") % 0xFFFF
    with socket_in(overlay, family, socket.SOCK_RAW, protocol) as echo:
        echo.settimeout(1.0)
        try:
            echo.sendto(head + checksum.to_bytes(2, "big") + body, (destination, 0))
            deadline = time.monotonic() + 1.0
            while time.monotonic() < deadline:
                answer = echo.recv(2048)
                if not version6:
                    answer = answer[20:]
                if answer[0] == reply and answer.endswith(token):
                    return True
        except OSError:
            return False
    return False
