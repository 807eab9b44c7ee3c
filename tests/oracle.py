"""The plainest table and store there can be: lists scanned in full, to check the real ones by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mapsys.eid import EidPrefix, Family
from mapsys.store import Mapping, Registration
from mapsys.subscriptions import Subscription


class ListTable:
    """Values by EID-Prefix in a list; every question reads all of it."""

    def __init__(self) -> None:
        self.entries: list[tuple[EidPrefix, object]] = []

    def __len__(self) -> int:
        return len(self.entries)

    def put(self, eid: EidPrefix, value: object) -> None:
        self.remove(eid)
        self.entries.append((eid, value))

    def remove(self, eid: EidPrefix) -> object:
        value = self.get(eid)
        self.entries = [entry for entry in self.entries if entry[0] != eid]
        return value

    def get(self, eid: EidPrefix) -> object:
        return next((value for held, value in self.entries if held == eid), None)

    def covering(self, eid: EidPrefix) -> list[tuple[EidPrefix, object]]:
        found = [entry for entry in self.entries if entry[0].covers(eid)]
        return sorted(found, key=lambda entry: -entry[0].length)

    def covered(self, eid: EidPrefix) -> list[tuple[EidPrefix, object]]:
        return _in_order(entry for entry in self.entries if eid.covers(entry[0]))

    def items(self, cursor: EidPrefix | None = None) -> list[tuple[EidPrefix, object]]:
        return _in_order(entry for entry in self.entries if cursor is None or entry[0] > cursor)

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        for candidate in _growing(eid, shortest):
            if not any(
                candidate.covers(held) or held.covers(candidate) for held, _ in self.entries
            ):
                return candidate
        return None


def _growing(eid: EidPrefix, shortest: int) -> Iterator[EidPrefix]:
    """Prefixes around the EID, the least specific first; names by whole octets."""
    for length in range(shortest, eid.length + 1):
        if eid.family is not Family.NAME or length % 8 == 0:
            yield eid.truncated(length)


def _in_order(entries: Iterable[tuple[EidPrefix, object]]) -> list[tuple[EidPrefix, object]]:
    return sorted(entries, key=lambda entry: entry[0])


class ListStore:
    """Registrations in a list, marks and digests in dictionaries; no packing, no log."""

    def __init__(self) -> None:
        self.registrations: list[tuple[EidPrefix, Registration]] = []
        self.published: dict[EidPrefix, bytes] = {}
        self.nonces: dict[bytes, int] = {}
        self.superseded: dict[bytes, float] = {}
        self.subscriptions: dict[tuple[EidPrefix, bytes], Subscription] = {}

    def put(self, eid: EidPrefix, registration: Registration, published: bytes) -> bool:
        """Returns whether an answer could be another one now."""
        before = self.find(eid, registration.registrant)
        unchanged = (
            before is not None
            and before[3:] == registration[3:]
            and self.published[eid] == published
        )
        self._drop(eid, registration.registrant)
        self.registrations.append((eid, registration))
        self.published[eid] = published
        return not unchanged

    def find(self, eid: EidPrefix, registrant: bytes) -> Registration | None:
        return next((held for held in self.of(eid) if held.registrant == registrant), None)

    def of(self, eid: EidPrefix) -> list[Registration]:
        return sorted(held for prefix, held in self.registrations if prefix == eid)

    def withdraw(self, eid: EidPrefix, registrant: bytes, published: bytes | None) -> bool:
        if self.find(eid, registrant) is None:
            return False
        self._drop(eid, registrant)
        del self.published[eid]
        if published is not None:
            self.published[eid] = published
        return True

    def touch(
        self, eid: EidPrefix, registrant: bytes, deadline: float, digest: bytes
    ) -> bytes | None:
        before = self.find(eid, registrant)
        if before is None:
            return None
        self._drop(eid, registrant)
        self.registrations.append((eid, before._replace(deadline=deadline, digest=digest)))
        return before.digest

    def _drop(self, eid: EidPrefix, registrant: bytes) -> None:
        self.registrations = [
            (prefix, held)
            for prefix, held in self.registrations
            if (prefix, held.registrant) != (eid, registrant)
        ]

    def mapping(self, eid: EidPrefix) -> Mapping:
        return Mapping(eid, self.published[eid], tuple(self.of(eid)))

    def mappings(self, cursor: EidPrefix | None = None) -> list[Mapping]:
        after = [eid for eid in self.published if cursor is None or eid > cursor]
        return [self.mapping(eid) for eid in sorted(after)]

    def due(self, now: float) -> set[tuple[EidPrefix, bytes]]:
        return {(eid, held.registrant) for eid, held in self.registrations if held.deadline <= now}
