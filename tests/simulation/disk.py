"""A disk that fails, is slow and tears; and the real journal in its place now and then."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mapsys.net.fold import fold_once
from mapsys.net.journal import RESTART_GRACE_SECONDS, Journal
from mapsys.store_pure import PureStore

CHUNKS = 3
"""Commits in which the real journal is given what one run of the server wrote."""


class Row(NamedTuple):
    """What one commit made durable; service: the clock that goes on over restarts."""

    changes: bytes
    now: float
    wall: float
    service: float


class Disk:
    """Rows by run of the server, and how long the next commit takes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.runs: list[list[Row]] = []
        self.begun: list[tuple[float, float]] = []
        self.broken_until = 0.0
        self._offset = 0.0

    @property
    def last(self) -> Row | None:
        """The last sign of life."""
        return next((run[-1] for run in reversed(self.runs) if run), None)

    def begin(self, now: float, wall: float) -> None:
        """The server starts; downtime counts where it was longer than the grace."""
        last = self.last
        down = max(0.0, wall - last.wall) if last else 0.0
        counted = down if down > RESTART_GRACE_SECONDS else 0.0
        self._offset = (last.service if last else 0.0) + counted - now
        self.runs.append([])
        self.begun.append((now, wall))

    def load(self) -> PureStore:
        """The store as the rows left it."""
        store = PureStore()
        for run in self.runs:
            for row in run:
                store.apply(row.changes, row.service - row.now - self._offset)
        return store

    def load_by_journal(self) -> PureStore:
        """The same through the real journal in a folder of its own, folded half-way."""
        store = PureStore()
        with TemporaryDirectory(prefix="mapsys-simulation-") as name:
            folder = Path(name)
            for (now, wall), run in zip(self.begun[:-1], self.runs[:-1], strict=True):
                journal = Journal.open(folder, now=now, wall=wall)
                size = -(-len(run) // CHUNKS) or 1
                for at in range(0, len(run), size):
                    rows = run[at : at + size]
                    journal.commit(
                        b"".join(row.changes for row in rows), now=rows[-1].now, wall=rows[-1].wall
                    )
                    if self.rng.random() < 0.3:
                        fold_once(folder)
                journal.close()
            now, wall = self.begun[-1]
            journal = Journal.open(folder, now=now, wall=wall)
            journal.load_into(store)
            journal.close()
            if journal.findings:
                raise AssertionError(f"the journal found damage: {journal.findings}")
        return store

    def append(self, changes: bytes, now: float, wall: float) -> None:
        self.runs[-1].append(Row(changes, now, wall, now + self._offset))

    def seconds(self, now: float) -> float | None:
        """How long a commit takes that begins now; None: it fails."""
        if now < self.broken_until:
            return None
        return 0.0 if self.rng.random() < 0.97 else float(self.rng.randint(1, 4))
