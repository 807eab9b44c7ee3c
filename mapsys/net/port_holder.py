"""Who holds a port, as far as this user may know; for the message that it is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

Protocol = Literal["udp", "tcp"]

_PROC = Path("/proc")


def holder_of(protocol: Protocol, port: int) -> str | None:
    """``process 123 (name)`` or ``a process of user 0``; None where nothing is found.

    A process of another user does not show its descriptors, only its user.
    """
    owners = dict(_sockets_at(protocol, port))
    wanted = {f"socket:[{inode}]" for inode in owners}
    for pid in _processes():
        if not wanted.isdisjoint(_descriptors(pid)):
            return f"process {pid} ({_name(pid)})"
    for user in owners.values():
        return f"a process of user {user}"
    return None


def _sockets_at(protocol: Protocol, port: int) -> Iterator[tuple[int, int]]:
    """(inode, user id) of each socket bound to the port."""
    for table in (protocol, protocol + "6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                    yield int(fields[9]), int(fields[7])


def _processes() -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _descriptors(pid: int) -> Iterator[str]:
    # Processes end while they are looked at, and those of others may not be looked at.
    with suppress(OSError):
        for entry in os.scandir(_PROC / str(pid) / "fd"):
            with suppress(OSError):
                yield os.readlink(entry.path)


def _name(pid: int) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / "comm").read_text().strip()
    return "unknown"
