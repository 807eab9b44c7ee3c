"""How many more-specifics there are, against the limits of prefix, site and node."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from mapsys.core.admission_plan import Ceiling
from mapsys.core.effects import NearLimit
from mapsys.core.reasons import Refusal
from mapsys.core.site import EidRule, LispSite, SiteTable
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Store

TOTAL_LIMIT: Final = 2_000_000
OCTETS_LIMIT: Final = 512 * 1024 * 1024
WARNING_SHARE: Final = 0.8
"""Of a ceiling, from where on the operator is warned."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Limits beside that of each configured EID-Prefix.

    per_site: more-specifics of one site, in all its prefixes; None leaves it to these.
    total: of all sites. octets: of the records registered for them.
    """

    per_site: int | None = None
    total: int = TOTAL_LIMIT
    octets: int = OCTETS_LIMIT


class Growth(NamedTuple):
    """What a Map-Register would add for one EID-Prefix.

    site: whose prefix covers it, by the rule. is_new: nothing was registered for it.
    octets: more of its record than before.
    """

    eid: EidPrefix
    site: str
    rule: EidRule
    is_new: bool
    octets: int


class Over(NamedTuple):
    """The first registration that would exceed a limit, and which one."""

    eid: EidPrefix
    reason: Refusal
    detail: str


_Counted = TypeVar("_Counted", bound=Hashable)


class MoreSpecifics:
    """Counts of registered EID-Prefixes that lie inside a configured one, by that one.

    Each count is an array of one number that stays where it is (``ceilings_of``).
    """

    def __init__(self, store: Store, sites: SiteTable, ceilings: Ceilings | None = None) -> None:
        """Counts what the store already holds."""
        self._store = store
        self._sites = sites
        self._ceilings = ceilings or Ceilings()
        self._counts: dict[EidPrefix, array[int]] = {}
        self._of_site: dict[str, array[int]] = {}
        self._total = _nothing()
        self._octets = _nothing()
        self.recount()

    def recount(self) -> None:
        """Count what the store holds, from nothing."""
        for count in (*self._counts.values(), *self._of_site.values(), self._total, self._octets):
            count[0] = 0
        around: list[tuple[LispSite, EidRule]] = []
        for site, rule in self._sites.rules():
            while around and not around[-1][1].prefix.covers(rule.prefix):
                around.pop()
            inside = self._store.summary(rule.prefix)
            itself = self._store.get(rule.prefix)
            if around:  # what a nested prefix covers, and it itself, is not counted further out
                self._add(around[-1][1], around[-1][0].name, -inside.prefixes)
                self._octets[0] -= inside.record_octets
            self._add(rule, site.name, inside.prefixes - (itself is not None))
            self._octets[0] += inside.record_octets - octets_of(itself)
            around.append((site, rule))

    def count_inside(self, prefix: EidPrefix, times: int) -> None:
        """Add ``times`` for each EID-Prefix that is registered inside a prefix.

        With -1 before other sites hold parts of it, and 1 afterwards, the counts are right.
        """
        for mapping in self._store.covered(prefix):
            self._count(mapping, times)

    def _count(self, mapping: Mapping, times: int) -> None:
        match = self._above(mapping.eid)
        if match is not None:
            site, rule = match
            self._add(rule, site.name, times)
            self._octets[0] += times * octets_of(mapping)

    def _add(self, rule: EidRule, site: str, times: int) -> None:
        self._total[0] += times
        _of(self._counts, rule.prefix)[0] += times
        _of(self._of_site, site)[0] += times

    def added(self, eid: EidPrefix, rule: EidRule, site: str) -> list[NearLimit]:
        """A prefix that was not registered now is; warnings where a threshold is reached.

        rule: the one that covers it. site: the one that holds the rule.
        """
        if eid == rule.prefix:
            return []
        self._add(rule, site, 1)
        held = self.held(rule)
        warnings = []
        if held == rule.more_specifics_warning:
            warnings.append(NearLimit(rule.prefix, site, held, rule.more_specifics_limit))
        ceilings = self._ceilings
        for count, limit, what in (
            (self._of_site[site][0], ceilings.per_site, "more-specifics of the site"),
            (self._total[0], ceilings.total, "more-specifics of the node"),
        ):
            if limit is not None and count == _threshold(limit):
                warnings.append(NearLimit(None, site, count, limit, what))
        return warnings

    def removed(self, eid: EidPrefix) -> None:
        """A prefix is no longer registered."""
        match = self._above(eid)
        if match is not None:
            self._add(match[1], match[0].name, -1)

    def resized(self, eid: EidPrefix, before: int, after: int) -> list[NearLimit]:
        """What is registered for a prefix takes other octets; a warning as of ``added``."""
        match = self._above(eid) if before != after else None
        if match is None:
            return []
        held = self._octets[0]
        self._octets[0] += after - before
        limit = self._ceilings.octets
        if held < _threshold(limit) <= self._octets[0]:
            what = "octets of more-specifics of the node"
            return [NearLimit(None, match[0].name, self._octets[0], limit, what)]
        return []

    def held(self, rule: EidRule) -> int:
        """More-specifics registered inside the rule's prefix."""
        count = self._counts.get(rule.prefix)
        return 0 if count is None else count[0]

    @property
    def total(self) -> int:
        """More-specifics of all sites."""
        return self._total[0]

    @property
    def octets(self) -> int:
        """Octets of the records registered for them."""
        return self._octets[0]

    def over_limit(self, growths: Iterable[Growth]) -> Over | None:
        """The first of these that would exceed a limit, all before it granted."""
        inside: defaultdict[EidPrefix, int] = defaultdict(int)
        ceilings, new, octets = self._ceilings, 0, self._octets[0]
        for eid, site, rule, is_new, more in growths:
            if eid == rule.prefix:
                continue
            octets += more
            if more > 0 and octets > ceilings.octets:
                return Over(
                    eid,
                    Refusal.MORE_SPECIFICS_OCTETS,
                    f"the records of all more-specifics would exceed {ceilings.octets} octets",
                )
            if not is_new:
                continue
            new += 1
            inside[rule.prefix] += 1
            if self.held(rule) + inside[rule.prefix] > rule.more_specifics_limit:
                limit = rule.more_specifics_limit
                detail = f"{rule.prefix} would hold more than {limit} more-specifics"
                return Over(eid, Refusal.MORE_SPECIFICS_LIMIT, detail)
            if (
                ceilings.per_site is not None
                and _of(self._of_site, site)[0] + new > ceilings.per_site
            ):
                detail = f"the site would hold more than {ceilings.per_site} more-specifics"
                return Over(eid, Refusal.MORE_SPECIFICS_PER_SITE, detail)
            if self._total[0] + new > ceilings.total:
                detail = f"the node would hold more than {ceilings.total} more-specifics"
                return Over(eid, Refusal.MORE_SPECIFICS_TOTAL, detail)
        return None

    def ceilings_of(self, rule: EidRule, site: str) -> tuple[Ceiling, Ceiling, Ceiling, Ceiling]:
        """What one more of the rule's more-specifics counts towards: rule, site, node, octets."""
        ceilings = self._ceilings
        of_site, octets = ceilings.per_site, ceilings.octets
        return (
            Ceiling(
                _of(self._counts, rule.prefix),
                rule.more_specifics_limit,
                rule.more_specifics_warning,
            ),
            Ceiling(
                _of(self._of_site, site), of_site, None if of_site is None else _threshold(of_site)
            ),
            Ceiling(self._total, ceilings.total, _threshold(ceilings.total)),
            Ceiling(self._octets, octets, _threshold(octets)),
        )

    def _above(self, eid: EidPrefix) -> tuple[LispSite, EidRule] | None:
        match = self._sites.longest_match(eid)
        return None if match is None or match[1].prefix == eid else match


def octets_of(mapping: Mapping | None) -> int:
    """Octets of all records that are held for an EID-Prefix."""
    return 0 if mapping is None else sum(len(one.record) for one in mapping.registrations)


def _nothing() -> array[int]:
    return array("q", [0])


def _of(counts: dict[_Counted, array[int]], what: _Counted) -> array[int]:
    count = counts.get(what)
    if count is None:
        count = counts[what] = _nothing()
    return count


def _threshold(limit: int) -> int:
    return max(1, int(limit * WARNING_SHARE))
