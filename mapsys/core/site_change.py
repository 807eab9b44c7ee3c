"""One site added, changed or taken out, while everything else stays as it is.

What this costs depends on what is registered inside the site's EID-Prefixes, not on
how many sites there are; ``Engine.reconfigure`` looks at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mapsys.core import static
from mapsys.core.details import Details
from mapsys.core.effects import Effect
from mapsys.core.permitted import is_allowed
from mapsys.core.pubsub import PubSub
from mapsys.core.registrar import Registrar
from mapsys.core.site import LispSite, SiteTable
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Registration, Store


def outermost(prefixes: Iterable[EidPrefix]) -> list[EidPrefix]:
    """In order, without those inside another one of them."""
    found: list[EidPrefix] = []
    for prefix in sorted(prefixes):
        if not found or not found[-1].covers(prefix):
            found.append(prefix)
    return found


def tell_anew(before: SiteTable, after: SiteTable, store: Store, pubsub: PubSub) -> None:
    """Subscribers are to hear of what is told in another way than before."""
    for site in after:
        old = before.named(site.name)
        if old is None or old.override == site.override:
            continue
        for prefix in outermost({rule.prefix for rule in (*old.rules, *site.rules)}):
            for mapping in store.covered(prefix):
                pubsub.about_to_change(mapping.eid, told_anew=True)


class SiteChange:
    """What is to become of one site.

    name: of the site that there is, or is to be. new: what it becomes; None takes it
    out.
    """

    def __init__(self, store: Store, sites: SiteTable, name: str, new: LispSite | None) -> None:
        self._store = store
        self._sites = sites
        self._old = sites.named(name)
        self._new = new
        both = [site.rules for site in (self._old, new) if site is not None]
        self._inside = outermost({rule.prefix for rules in both for rule in rules})

    def check(self) -> None:
        """Raises ValueError where the sites could not stand beside each other afterwards."""
        self._swap(self._old, self._new)
        try:
            self._refuse_misplaced()
        finally:
            self._swap(self._new, self._old)

    def carry_out(
        self,
        registrar: Registrar,
        pubsub: PubSub,
        install: Callable[[Iterable[LispSite]], list[Effect]],
        now: float,
    ) -> list[Effect]:
        """Bring the store in line with it. Raises ValueError as ``check``, nothing changed.

        install: puts the static mappings of sites in place.
        """
        self.check()
        self._tell_anew(pubsub)
        for prefix in self._inside:
            registrar.counts.count_inside(prefix, -1)
        self._swap(self._old, self._new)
        effects = [] if self._new is None else install([self._new])
        for prefix in self._inside:
            registrar.counts.count_inside(prefix, 1)
        for eid, registrant in self._no_longer_allowed():
            effects.extend(registrar.expire(eid, registrant, now))
        return effects

    def _swap(self, old: LispSite | None, new: LispSite | None) -> None:
        """All or nothing. Raises ValueError where name or prefix is taken."""
        if old is not None:
            self._sites.remove(old.name)
        if new is not None:
            try:
                self._sites.add(new)
            except ValueError:
                if old is not None:
                    self._sites.add(old)
                raise

    def _refuse_misplaced(self) -> None:
        """Its own static mappings are in it; those of others are still in theirs."""
        if self._new is not None:
            for _checked in static.static_records(self._sites, [self._new]):
                pass
        own = None if self._old is None else self._old.name
        for mapping, registration in self._registered():
            details = Details.unpack(registration.details)
            if not details.is_static or details.site == own:
                continue
            match = self._sites.longest_match(mapping.eid)
            if match is None or match[0].name != details.site:
                raise ValueError(
                    f"static mapping {mapping.eid} of site {details.site!r} would not be inside"
                    " its site any more"
                )

    def _registered(self) -> Iterator[tuple[Mapping, Registration]]:
        for prefix in self._inside:
            for mapping in self._store.covered(prefix):
                for registration in mapping.registrations:
                    yield mapping, registration

    def _tell_anew(self, pubsub: PubSub) -> None:
        if self._old is None or self._new is None or self._old.override == self._new.override:
            return
        for prefix in self._inside:
            for mapping in self._store.covered(prefix):
                pubsub.about_to_change(mapping.eid, told_anew=True)

    def _no_longer_allowed(self) -> list[tuple[EidPrefix, bytes]]:
        return [
            (mapping.eid, registration.registrant)
            for mapping, registration in self._registered()
            if not is_allowed(mapping.eid, registration, self._sites)
        ]
