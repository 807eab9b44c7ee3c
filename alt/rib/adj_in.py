"""The Adj-RIB-In: what one neighbour has said, whether policy liked it or not.

Refused routes are kept with their reason: a changed delegation can then be
applied without asking the neighbour again, and an operator can see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alt.rib.attributes import PathAttributes
from mapsys.eid import EidPrefix, Family


@dataclass(slots=True)
class Heard:
    """One route as received.

    reason: why policy refuses it; None where it is accepted.
    delegation: the block of the delegation that decided.
    stale: not confirmed since its session broke or a refresh began.
    """

    attributes: PathAttributes
    reason: str | None = None
    delegation: EidPrefix | None = None
    stale: bool = False


class AdjRibIn:
    """Routes of one neighbour by prefix."""

    def __init__(self) -> None:
        self.routes: dict[EidPrefix, Heard] = {}

    def mark_stale(self, family: Family | None = None) -> None:
        """Everything (of a family) waits to be confirmed or swept."""
        for prefix, heard in self.routes.items():
            if family is None or prefix.family is family:
                heard.stale = True

    def sweep(self, family: Family | None = None) -> list[EidPrefix]:
        """Remove what was not confirmed (of a family); returns the prefixes."""
        swept = [prefix for prefix in self._of(family) if self.routes[prefix].stale]
        for prefix in swept:
            del self.routes[prefix]
        return swept

    def clear(self) -> list[EidPrefix]:
        """Remove everything; returns the prefixes."""
        cleared = list(self.routes)
        self.routes.clear()
        return cleared

    def _of(self, family: Family | None) -> Iterator[EidPrefix]:
        return (p for p in self.routes if family is None or p.family is family)

    def __len__(self) -> int:
        return len(self.routes)
