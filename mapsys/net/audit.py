"""The audit trail: what operators did to the state, a JSON line each, only ever added to.

A file that would grow beyond its bound becomes the older one of two, and the older one
before it goes.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, Final

NAME: Final = "audit.jsonl"
"""In the state folder; mode 0600."""

OLDER_NAME: Final = "audit.jsonl.1"

LIMIT_OCTETS: Final = 16 * 1024 * 1024
"""Of either file: some 50,000 lines."""

READ_OCTETS: Final = 1 << 20
"""Read at once at most; a line is far shorter."""

UNREADABLE: Final = "unreadable-line"
"""Stands for what a line says that is none, as a write that was cut off leaves it."""


class AuditTrail:
    """Appends to one file; safe from several threads and processes."""

    def __init__(self, folder: Path, limit_octets: int = LIMIT_OCTETS) -> None:
        self.path = folder / NAME
        self._older = folder / OLDER_NAME
        self._limit_octets = limit_octets

    def append(self, **facts: str | int | float | None) -> None:
        """Add a line, on the disk before this returns. Raises OSError."""
        line = (json.dumps(facts) + "\n").encode()
        while not self._appended(line):
            pass

    def _appended(self, line: bytes) -> bool:
        """False where the file was, or now is, the older one: the next has to be taken."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            opened = os.fstat(descriptor)
            if not self._is_current(opened):
                return False
            if opened.st_size and opened.st_size + len(line) > self._limit_octets:
                self.path.replace(self._older)
                return False
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return True

    def _is_current(self, opened: os.stat_result) -> bool:
        try:
            return os.path.samestat(opened, self.path.stat())
        except FileNotFoundError:
            return False

    def read_back(self, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """At most ``limit`` lines, the newest first, and where to go on; None at the end.

        before: octets of both files, the older one first, to look at, as answered
        earlier; None for all of them. Raises OSError, and ValueError where ``before`` is
        no such place, as after the files changed places.
        """
        sizes = [_size(path) for path in (self._older, self.path)]
        end = sum(sizes) if before is None else before
        if not 0 <= end <= sum(sizes):
            raise ValueError(f"{before} is outside the files")
        if not end:
            return [], None
        path, base = (self.path, sizes[0]) if end > sizes[0] else (self._older, 0)
        start = max(base, end - READ_OCTETS)
        with path.open("rb") as file:
            file.seek(start - base)
            octets = file.read(end - start)
        if before is not None and not octets.endswith(b"\n"):
            raise ValueError(f"{before} is not the end of a line")
        if start > base:
            octets = octets[octets.index(b"\n") + 1 :]
        lines = octets.splitlines(keepends=True)[-limit:]
        rest = end - sum(map(len, lines))
        return [_facts(line) for line in reversed(lines)], rest or None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _facts(line: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except ValueError:
        facts = None
    return facts if isinstance(facts, dict) else {"what": UNREADABLE}
