"""A process that is killed at one step of its third commit; arguments: the folder, the step."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from tests.net.journal_run import Run


class Deadly(sqlite3.Connection):
    """A database whose user dies at one step."""

    step = ""

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if self.step and sql.startswith(self.step):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, *rest)


def main() -> None:
    real = sqlite3.connect

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        return real(*args, factory=Deadly, **options)

    sqlite3.connect = connect  # type: ignore[assignment]
    writer = Run(Path(sys.argv[1]))
    for number in (1, 2):
        writer.register(number)
        writer.commit()
    Deadly.step = sys.argv[2]
    writer.register(3)
    writer.commit()


if __name__ == "__main__":
    main()
