"""Telling the service manager how the daemon does (sd_notify), where there is one."""

from __future__ import annotations

import os
import socket
import time

_MICROSECONDS = 1_000_000

STOP_SECONDS = 20
"""What an orderly end takes at most."""


class NotifySocket:
    """Datagrams to the socket that NOTIFY_SOCKET names; silent where it is not set."""

    def __init__(self, address: str | None = None) -> None:
        """address: a path, or @NAME for an abstract socket; default from the environment."""
        path = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._address = "\0" + path[1:] if path.startswith("@") else path

    @property
    def is_used(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Serving."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Reading the configuration again; ``ready`` has to follow."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(time.monotonic() * _MICROSECONDS)}")

    def alive(self, status: str) -> None:
        """Feed the watchdog; the status is one line for whoever asks the manager."""
        self._tell("WATCHDOG=1", f"STATUS={status}")

    def stopping(self, in_seconds: float = 0) -> None:
        """On the way out; in_seconds: serving so long first, for which patience is asked."""
        patience = int((in_seconds + STOP_SECONDS) * _MICROSECONDS)
        extend = (f"EXTEND_TIMEOUT_USEC={patience}",) if in_seconds else ()
        self._tell("STOPPING=1", *extend)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto("\n".join(lines).encode(), self._address)
            except (FileNotFoundError, ConnectionRefusedError):
                self._address = ""  # the manager is gone, and nobody else listens


def watchdog_interval_seconds() -> float | None:
    """How often the service manager wants to hear of this process: half of WATCHDOG_USEC."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    for_whom = os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (for_whom and for_whom != str(os.getpid())):
        return None
    return int(microseconds) / _MICROSECONDS / 2
