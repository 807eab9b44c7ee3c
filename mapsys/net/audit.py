"""The audit trail: what operators did to the state, a JSON line each, only ever added to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

NAME: Final = "audit.jsonl"
"""In the state folder; mode 0600."""


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
