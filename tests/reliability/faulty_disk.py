"""A disk under a node that keeps it waiting or fails, and a wall clock that jumps: a preload."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from tests.daemon.node import Node
from tests.programs import require_program

SOURCE: Final = Path(__file__).with_name("faulty_disk.c")


class FaultyDisk:
    """What is under a node's state folder, from its next start on; sound until told."""

    def __init__(self, node: Node) -> None:
        self._orders = node.folder / "orders"
        library = node.folder / "faulty_disk.so"
        compiler = require_program("gcc", "gcc")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE],
            check=True,
        )
        self.is_sound()
        node.environment |= {
            "LD_PRELOAD": str(library),
            "FAULTY_FOLDER": str(node.state),
            "FAULTY_ORDERS": str(self._orders),
        }

    def is_sound(self) -> None:
        """Serve at once."""
        self._tell("")

    def holds(self) -> None:
        """Keep every flush waiting until told otherwise."""
        self._tell("hold")

    def fails_to(self, what: str) -> None:
        """Give an input/output error. what: ``fsync`` or ``write``."""
        self._tell(f"fail-{what}")

    def clock_is_off_by(self, seconds: int) -> None:
        """The time of day is so much later, or earlier where it is negative."""
        self._tell(f"clock {seconds}")

    def _tell(self, orders: str) -> None:
        # Put in place whole: the file is read at any instant.
        fresh = self._orders.with_suffix(".new")
        fresh.write_text(orders, encoding="ascii")
        fresh.replace(self._orders)
