"""A store and its journal for tests: opened, changed, committed, closed and opened again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mapsys.eid import EidPrefix
from mapsys.net.journal import Journal
from mapsys.store import Mapping, Registration
from tests.engines import current_store

WALL = 1_700_000_000.0
RECORD = b"record".ljust(40, b".")
DIGEST = b"0123456789abcdef"
REGISTRANT = b"\0" + bytes((192, 0, 2, 1))


def eid_of(number: int) -> EidPrefix:
    """One prefix for each number."""
    return EidPrefix.masked(0, EidPrefix.parse("10.0.0.0/8").family, number << 8, 24)


class Run:
    """One run of a server: a store, filled from its journal at ``now``."""

    def __init__(self, folder: Path, *, now: float = 100.0, wall: float = WALL) -> None:
        self.journal = Journal.open(folder, now=now, wall=wall)
        self.store = current_store()
        self.journal.load_into(self.store)
        self.now = now
        self.wall = wall

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    def register(
        self,
        number: int,
        *,
        lifetime: float = 180.0,
        registrant: bytes = REGISTRANT,
        record: bytes = RECORD,
        published: bytes | None = None,
    ) -> None:
        self.store.put(
            eid_of(number),
            registrant,
            record=record,
            details=b"details",
            digest=DIGEST,
            deadline=self.now + lifetime,
            published=record if published is None else published,
        )

    def commit(self) -> None:
        self.journal.commit(self.store.take_changes()[1], now=self.now, wall=self.wall)

    def mappings(self) -> list[Mapping]:
        """Everything held, with the lifetimes left in place of deadlines."""
        return [
            mapping._replace(registrations=tuple(self._left(r) for r in mapping.registrations))
            for mapping in self.store.scan(None, 1_000_000)
        ]

    def _left(self, registration: Registration) -> Registration:
        return registration._replace(deadline=registration.deadline - self.now)

    def lifetime_left(self, number: int) -> float:
        mapping = self.store.get(eid_of(number))
        assert mapping is not None
        return mapping.registrations[0].deadline - self.now


@contextmanager
def run(folder: Path, *, now: float = 100.0, wall: float = WALL) -> Iterator[Run]:
    """A run that ends by closing its journal."""
    opened = Run(folder, now=now, wall=wall)
    try:
        yield opened
    finally:
        opened.journal.close()
