"""Delegations: who holds an EID block, and who provides for it.

They are the single source of truth of the ALT: filters, aggregates and what a
Map-Server may originate are all derived from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from alt.levels import Level
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable


@dataclass(frozen=True, slots=True)
class Delegation:
    """One block given to one holder.

    holder: the neighbour that announces the block, or the site that registers it.
    providers: who takes the holder's announcements or registrations, the
    primary first; empty for a block of the top level.
    valid_from, valid_until: first and last day; None is open.
    lineage: former providers, oldest first.
    exception_cap: how many sites of this block may be served by other providers.
    """

    block: EidPrefix
    level: Level
    holder: str
    providers: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    lineage: tuple[str, ...] = ()
    exception_cap: int = 0

    def is_valid(self, today: date) -> bool:
        """Whether the delegation stands on this day."""
        return (self.valid_from is None or self.valid_from <= today) and (
            self.valid_until is None or today <= self.valid_until
        )


class Delegations:
    """The delegations one node knows of, in table order and by registration.

    An *exception* is a block whose providers do not include the holder of the
    block around it, and whose lineage says that it left that holder. Exceptions
    count against the cap of the block around them in the order of registration,
    so that everybody with the same list honours the same ones.
    """

    def __init__(self, delegations: Iterable[Delegation]) -> None:
        self.listed = tuple(delegations)
        self._table: PrefixTable[Delegation] = PrefixTable()
        for delegation in self.listed:
            self._table.put(delegation.block, delegation)
        self._honoured: set[EidPrefix] = set()
        self._over_cap: set[EidPrefix] = set()
        used: dict[EidPrefix, int] = {}
        for delegation in self.listed:
            around = self.around(delegation.block)
            if around is None or not _left(delegation, around):
                continue
            used[around.block] = used.get(around.block, 0) + 1
            within = used[around.block] <= around.exception_cap
            (self._honoured if within else self._over_cap).add(delegation.block)

    def best(self, prefix: EidPrefix) -> Delegation | None:
        """The longest delegation that covers the prefix, valid or not."""
        return next(self._covering(prefix), None)

    def exactly(self, block: EidPrefix) -> Delegation | None:
        """The delegation of exactly this block."""
        return self._table.get(block)

    def around(self, block: EidPrefix) -> Delegation | None:
        """The longest delegation of a strictly larger block around this one."""
        return next((d for d in self._covering(block) if d.block != block), None)

    def inside(self, block: EidPrefix) -> Iterator[Delegation]:
        """Delegations strictly inside a block, in table order."""
        return (d for prefix, d in self._table.covered(block) if prefix != block)

    def is_exception(self, delegation: Delegation) -> bool:
        """Whether the block is served elsewhere, registered, and within the cap."""
        return delegation.block in self._honoured

    def is_over_cap(self, delegation: Delegation) -> bool:
        """Whether the block would be an exception if the cap had room."""
        return delegation.block in self._over_cap

    def components(self, block: EidPrefix) -> Iterator[Delegation]:
        """The delegations whose state an aggregator of the block must learn.

        Those directly below the block, and the exceptions inside those: what
        lies deeper is the matter of the aggregator in between.
        Source: RFC 6836, 4.2.
        """
        for delegation in self.inside(block):
            around = self.around(delegation.block)
            if around is None or around.block.covers(block):
                yield delegation
            elif self.is_exception(delegation):
                beyond = self.around(around.block)
                if beyond is None or beyond.block.covers(block):
                    yield delegation

    def _covering(self, prefix: EidPrefix) -> Iterator[Delegation]:
        return (delegation for _, delegation in self._table.covering(prefix))


def _left(delegation: Delegation, around: Delegation) -> bool:
    """Whether a block went from the holder around it to another provider."""
    return (
        bool(delegation.providers)
        and around.holder not in delegation.providers
        and around.holder in delegation.lineage
    )
