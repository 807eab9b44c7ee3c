"""The prefix of a negative answer: least-specific, and free of everything known (RFC 9301, 8.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from mapsys.eid import EidPrefix, Family


class Known(Protocol):
    """A table of EID-Prefixes that are known to exist."""

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """The least-specific prefix of at least this length, free of what the table knows."""


def common_hole(eid: EidPrefix, shortest: int, tables: Iterable[Known]) -> EidPrefix | None:
    """The least-specific prefix around the EID that is free of what any table knows.

    shortest: the length it may not be shorter than. None where a table knows
    something that covers the EID or lies inside it.
    """
    for table in tables:
        hole = table.hole(eid, shortest)
        if hole is None:
            return None
        shortest = hole.length
    return eid.truncated(_writable_length(eid, shortest))


def free_part(
    eid: EidPrefix, shortest: int, is_occupied: Callable[[EidPrefix], bool]
) -> EidPrefix | None:
    """The least-specific prefix around the EID for which ``is_occupied`` says no.

    For where something known covers the EID, and the question is what else lies
    there. is_occupied must say no for every part of a prefix it says no for. None
    where even the EID itself is occupied.
    """
    if is_occupied(eid):
        return None
    low, high = shortest, eid.length
    while low < high:
        middle = (low + high) // 2
        if is_occupied(eid.truncated(middle)):
            low = middle + 1
        else:
            high = middle
    return eid.truncated(_writable_length(eid, low))


def _writable_length(eid: EidPrefix, length: int) -> int:
    """The next length that a record can carry: names end on an octet, an opaque EID is whole."""
    if eid.family is Family.NAME:
        return min(-(-length // 8) * 8, eid.length)
    if eid.family is Family.OPAQUE:
        return eid.length
    return length
