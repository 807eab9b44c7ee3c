"""The plainest table there can be, a list scanned in full: what the real ones are held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mapsys.eid import EidPrefix, Family


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
