"""The audit trail: what operators did to the state, a JSON line each, only ever added to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

NAME: Final = "audit.jsonl"
"""In the state folder; mode 0600."""

READ_OCTETS: Final = 1 << 20
"""Read at once at most; a line is far shorter."""

UNREADABLE: Final = "unreadable-line"
"""Stands for what a line says that is none, as a write that was cut off leaves it."""


class AuditTrail:
    """Appends to one file; safe from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def append(self, **facts: str | int | float | None) -> None:
        """Add a line, on the disk before this returns. Raises OSError."""
        line = json.dumps(facts) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read_back(self, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """At most ``limit`` lines, the newest first, and where to go on; None at the end.

        before: octets of the file to look at, as answered earlier; None for all of it.
        Raises OSError, and ValueError where ``before`` is no such place.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return [], None
        with file:
            size = file.seek(0, os.SEEK_END)
            end = size if before is None else before
            if not 0 <= end <= size:
                raise ValueError(f"{before} is outside the file")
            start = max(0, end - READ_OCTETS)
            file.seek(start)
            octets = file.read(end - start)
        if before is not None and octets and not octets.endswith(b"\n"):
            raise ValueError(f"{before} is not the end of a line")
        if start:
            octets = octets[octets.index(b"\n") + 1 :]
        lines = octets.splitlines(keepends=True)[-limit:]
        rest = end - sum(map(len, lines))
        return [_facts(line) for line in reversed(lines)], rest or None


def _facts(line: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except ValueError:
        facts = None
    return facts if isinstance(facts, dict) else {"what": UNREADABLE}
