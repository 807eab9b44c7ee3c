"""What the daemon says to the service manager, and what it finds out about a taken port."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from mapsys.net.notify_socket import NotifySocket, watchdog_interval_seconds
from mapsys.net.port_holder import holder_of


def test_the_service_manager_hears_each_state(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(60)
        notify = NotifySocket(str(path))
        assert notify.is_used
        notify.ready("3 sites")
        notify.reloading()
        notify.alive("4 sites")
        notify.stopping()
        assert manager.recv(1000) == b"READY=1\nSTATUS=3 sites"
        assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(1000) == b"WATCHDOG=1\nSTATUS=4 sites"
        assert manager.recv(1000) == b"STOPPING=1"


def test_an_abstract_socket_is_reached() -> None:
    name = f"mapsys-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(60)
        NotifySocket("@" + name).stopping()
        assert manager.recv(1000) == b"STOPPING=1"


def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    assert not NotifySocket("").is_used
    gone = NotifySocket(str(tmp_path / "nobody"))
    gone.ready("")
    assert not gone.is_used


@pytest.mark.parametrize(
    ("microseconds", "pid", "expected"),
    [
        ("10000000", "", 5.0),
        ("10000000", str(os.getpid()), 5.0),
        ("10000000", "1", None),
        ("", "", None),
        ("soon", "", None),
    ],
    ids=["of anybody", "of this process", "of another process", "none", "no number"],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(
    microseconds: str, pid: str, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert watchdog_interval_seconds() == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("protocol", "kind"), [("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)]
)
def test_the_holder_of_a_port_is_named(host: str, protocol: str, kind: socket.SocketKind) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as held:
        held.bind((host, 0))
        if kind is socket.SOCK_STREAM:
            held.listen(1)
        port = held.getsockname()[1]
        holder = holder_of("udp" if protocol == "udp" else "tcp", port)
    assert holder is not None
    assert holder.startswith(f"process {os.getpid()} (")


def test_a_free_port_has_no_holder() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert holder_of("udp", port) is None
