"""How many more-specifics each configured EID-Prefix holds, against its limit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from mapsys.core.effects import NearLimit
from mapsys.core.site import EidRule, SiteTable
from mapsys.eid import EidPrefix
from mapsys.store import Store

PAGE = 1_000


class MoreSpecifics:
    """Counts of registered EID-Prefixes that lie inside a configured one, by that one."""

    def __init__(self, store: Store, sites: SiteTable) -> None:
        """Counts what the store already holds."""
        self._store = store
        self._sites = sites
        self._counts: Counter[EidPrefix] = Counter()
        self.recount()

    def recount(self) -> None:
        """Count what the store holds, from nothing."""
        self._counts.clear()
        cursor: EidPrefix | None = None
        while page := self._store.scan(cursor, PAGE):
            for mapping in page:
                rule = self._rule_above(mapping.eid)
                if rule is not None:
                    self._counts[rule.prefix] += 1
            cursor = page[-1].eid

    def count_inside(self, prefix: EidPrefix, times: int) -> None:
        """Add ``times`` for each EID-Prefix that is registered inside a prefix.

        With -1 before other sites hold parts of it, and 1 afterwards, the counts are right.
        """
        for mapping in self._store.covered(prefix):
            rule = self._rule_above(mapping.eid)
            if rule is not None:
                self._counts[rule.prefix] += times
                if not self._counts[rule.prefix]:
                    del self._counts[rule.prefix]

    def added(self, eid: EidPrefix, rule: EidRule, site: str) -> NearLimit | None:
        """A prefix that was not registered now is; a warning where its rule's threshold is reached.

        rule: the one that covers it.
        """
        if eid == rule.prefix:
            return None
        held = self._counts[rule.prefix] = self._counts[rule.prefix] + 1
        if held != rule.more_specifics_warning:
            return None
        return NearLimit(rule.prefix, site, held, rule.more_specifics_limit)

    def removed(self, eid: EidPrefix) -> None:
        """A prefix is no longer registered."""
        rule = self._rule_above(eid)
        if rule is not None:
            self._counts[rule.prefix] -= 1

    def held(self, rule: EidRule) -> int:
        """More-specifics registered inside the rule's prefix."""
        return self._counts[rule.prefix]

    def over_limit(
        self, new: Iterable[tuple[EidPrefix, EidRule]]
    ) -> tuple[EidPrefix, EidRule] | None:
        """The first of these new registrations that would exceed its rule's limit."""
        extra: defaultdict[EidPrefix, int] = defaultdict(int)
        for eid, rule in new:
            if eid == rule.prefix:
                continue
            extra[rule.prefix] += 1
            if self._counts[rule.prefix] + extra[rule.prefix] > rule.more_specifics_limit:
                return eid, rule
        return None

    def _rule_above(self, eid: EidPrefix) -> EidRule | None:
        match = self._sites.longest_match(eid)
        if match is None or match[1].prefix == eid:
            return None
        return match[1]
