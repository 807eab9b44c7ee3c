"""Finds what a test session left behind: its processes and its network namespaces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SESSION_VARIABLE: Final = "MAPSYS_TEST_SESSION"
"""Set for the session; everything it starts inherits it, orphans included."""

NAMESPACE_PREFIX: Final = "mapsys-"
GRACE_SECONDS: Final = 3.0
"""How long what is about to end may take; nothing is waited for once all is gone."""

_NETNS_FOLDER: Final = Path("/run/netns")
_PYTHON_OWN: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Helpers that the interpreter itself ends when it does."""


def namespaces() -> frozenset[str]:
    """Names of the network namespaces that are ours by name."""
    if not _NETNS_FOLDER.is_dir():
        return frozenset()
    return frozenset(p.name for p in _NETNS_FOLDER.iterdir() if p.name.startswith(NAMESPACE_PREFIX))


def _processes() -> Iterator[tuple[int, list[bytes], str]]:
    """(PID, environment at its start, command line) of what runs, as far as we may see it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (
                (folder / "cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode("utf-8", "replace")
                .strip()
            )
        except OSError:
            continue  # ended meanwhile, or another user's
        yield int(folder.name), environment, command


def _is_of(session: str, environment: list[bytes]) -> bool:
    return f"{SESSION_VARIABLE}={session}".encode() in environment


def session_processes(session: str) -> list[str]:
    """PID and command line of each live process of the session except this one."""
    return [
        f"{pid}: {command[:160]}"
        for pid, environment, command in _processes()
        if pid != os.getpid()
        and command
        and _is_of(session, environment)
        and not any(name in command for name in _PYTHON_OWN)
    ]


def other_session_runs(session: str) -> bool:
    """Whether another test session runs on this machine: namespaces may then be its own."""
    ours = (os.getpid(), os.getppid())
    return any(
        "pytest" in command and pid not in ours and not _is_of(session, environment)
        for pid, environment, command in _processes()
    )


def leftovers(session: str, namespaces_before: frozenset[str]) -> list[str]:
    """One line for each thing left behind, after a short grace."""
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        found = [f"process {line}" for line in session_processes(session)]
        if not other_session_runs(session):
            found += [f"namespace {name}" for name in sorted(namespaces() - namespaces_before)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
