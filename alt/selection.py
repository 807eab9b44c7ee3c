"""From candidates to routes in use, to aggregates, to the FIB.

Stands between ``router``, which keeps candidates, and ``fib``, which forwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alt.aggregate import Aggregates
from alt.effects import FibChange, Local, Via
from alt.export import own_attributes
from alt.model import AltConfig
from alt.policy import ImportPolicy
from alt.rib.attributes import AttributePool
from alt.rib.decision import best
from alt.rib.loc_rib import LocRib, Route
from alt.roles import Role
from mapsys.eid import EidPrefix


class Selection:
    """Chooses again what a change concerns, and nothing else.

    loc_rib: candidates come in from outside; what is in use is set here.
    sites: the prefixes that the Map-Server here serves, as policy accepted them.
    """

    def __init__(self, config: AltConfig, imports: ImportPolicy) -> None:
        self.loc_rib = LocRib()
        self.sites: set[EidPrefix] = set()
        self.pool = AttributePool()
        self._fib: dict[EidPrefix, Via | Local] = {}
        self.adopt(config, imports)

    def adopt(self, config: AltConfig, imports: ImportPolicy) -> None:
        """Go by another configuration; :meth:`settle` with :attr:`known` makes it so."""
        self._blocks = (*config.blocks, *config.backup_blocks)
        self._own, self._backup = frozenset(config.blocks), frozenset(config.backup_blocks)
        self._aggregates = Aggregates(config, imports, self.loc_rib, self.sites)

    @property
    def known(self) -> set[EidPrefix]:
        """Every prefix that the FIB has or should have an entry for without a route."""
        return {*self._fib, *self._aggregates.hole_prefixes}

    def settle(self, changed: set[EidPrefix]) -> tuple[set[EidPrefix], list[FibChange]]:
        """Choose for changed prefixes, then for the blocks around them, the inner ones first.

        Returns the prefixes that neighbours may have to be told about, and the
        changes of the FIB.
        """
        around = {b for b in self._blocks if any(b.covers(prefix) for prefix in changed)}
        for prefix in changed - around:
            self._choose(prefix)
        touched = changed | around
        for block in sorted(around, key=lambda b: -b.length):
            if self._choose(block):
                touched |= {p for p in self._aggregates.hole_prefixes if block.covers(p)}
        return touched, list(self._fib_changes(sorted(touched)))

    def _choose(self, prefix: EidPrefix) -> bool:
        self._offer_own(prefix)
        return self.loc_rib.choose(prefix, best(self.loc_rib.candidates(prefix)))

    def _offer_own(self, prefix: EidPrefix) -> None:
        """The candidate of this node itself, if it has one."""
        stands_in = prefix in self._backup and self._aggregates.stands_in(prefix)
        announced = prefix in self._own and self._aggregates.is_announced(prefix)
        if stands_in or announced or prefix in self.sites:
            attributes = self.pool.intern(own_attributes(is_backup=stands_in))
            self.loc_rib.offer(Route(prefix, None, Role.LOCAL, attributes))
        else:
            self.loc_rib.retract(prefix, None)

    def _fib_changes(self, prefixes: Iterable[EidPrefix]) -> Iterator[FibChange]:
        for prefix in prefixes:
            target = self._aggregates.target(prefix)
            if target == self._fib.get(prefix):
                continue
            if target is None:
                del self._fib[prefix]
            else:
                self._fib[prefix] = target
            yield FibChange(prefix, target)
