"""What the answer to an EID is, and why; nothing is sent here (RFC 9301, 8.3 and 8.4).

Map-Requests, ``lookup`` and ``explain`` all ask this one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mapsys.core.details import PROXY_MAP_REPLY, flags_in
from mapsys.core.holes import Known, common_hole, free_part
from mapsys.core.publish import overridden
from mapsys.core.scopes import Scopes
from mapsys.core.site import EidRule, LispSite, ProxyReply, SiteTable
from mapsys.core.verdict import split
from mapsys.eid import WIDTH_BITS, EidPrefix
from mapsys.store import Mapping, Store
from mapsys.wire.records import Action

TTL_NOT_LISP_MINUTES: Final = 15
"""A hole that no site holds (RFC 9301, 8.1 and 8.3)."""

TTL_NOT_REGISTERED_MINUTES: Final = 1
"""A site's prefix that nobody registers at present (RFC 9301, 8.1 and 8.3)."""

LOCATOR_COUNT_OFFSET: Final = 4
"""Where a record's octets count its locators."""


class Outcome(StrEnum):
    """What is to be done with a question."""

    PROXY_REPLY = "proxy-reply"
    FORWARD = "forward"
    NEGATIVE = "negative"
    ELSEWHERE = "elsewhere"


class Why(StrEnum):
    """The rule that decided."""

    REGISTERED_PROXY = "registered, and an ETR asked for proxy replies"
    SITE_PROXIES = "registered, and the site is always answered for"
    REGISTERED_EMPTY = "registered without locators: the site's own negative answer"
    REGISTERED = "registered; its ETR answers"
    NOT_REGISTERED = "a site holds it, and nobody registers it at present"
    NOT_LISP = "no site holds it: a hole in what this server has authority for"
    POLICY = "the site's policy denies it to this asker"
    NOT_OURS = "outside what this server has authority for"
    NOT_YET = "no route to it so far, and the ALT's routes are not complete yet"
    ALT_HOLE = "aggregated on the ALT here, and nobody announces it"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer to one EID.

    eid: what was looked up: the EID asked for, or the first one in it where the
    question was for a prefix that only parts are known of.
    mapping: what is registered, where the outcome is positive; of a proxy reply, as it
    is told.
    negative: the prefix of a negative answer, with its action and TTL.
    """

    eid: EidPrefix
    outcome: Outcome
    why: Why
    site: LispSite | None = None
    mapping: Mapping | None = None
    negative: EidPrefix | None = None
    action: Action = Action.NO_ACTION
    ttl_minutes: int = 0


class Resolver:
    """Looks EIDs up in what is registered, configured and known otherwise."""

    def __init__(
        self,
        store: Store,
        sites: SiteTable,
        authority: Sequence[EidPrefix],
        also_known: Sequence[Known] = (),
        may_deny: Callable[[EidPrefix], bool] = lambda _eid: True,
    ) -> None:
        """authority: where this server may say that something is not there; empty: anywhere.

        also_known: further tables of EID-Prefixes that exist, such as the ALT's.
        may_deny: whether those are complete around an EID, so that what they do not
        hold does not exist.
        """
        self._store = store
        self._sites = sites
        self._authority = tuple(authority)
        self._known: tuple[Known, ...] = (store, sites, *also_known)
        self._may_deny = may_deny
        self._scopes = Scopes(store, sites, authority, also_known)

    def resolve(self, eid: EidPrefix, *, from_pitr: bool = False) -> Resolution:
        """The answer to a question about an EID or EID-Prefix.

        from_pitr: a PITR asks, which a site may treat in its own way.

        A prefix of which only parts are known is answered for its first EID: a
        negative answer for the whole would deny the parts.
        """
        answer = self._resolve(eid, from_pitr)
        if answer is None:
            first = EidPrefix(eid.instance_id, eid.family, eid.network, WIDTH_BITS[eid.family])
            answer = self._resolve(first, from_pitr)
        if answer is None:
            raise AssertionError(f"{eid} is neither known nor free")
        return answer

    def _resolve(self, eid: EidPrefix, from_pitr: bool) -> Resolution | None:
        configured = self._sites.longest_match(eid)
        if configured is None:
            return self._unconfigured(eid)
        site, rule = configured
        denied = site.deny_action
        if denied is None and from_pitr:
            denied = site.pitr_action
        if denied is not None:
            temporary = denied == Action.SEND_MAP_REQUEST
            return Resolution(
                eid,
                Outcome.NEGATIVE,
                Why.POLICY,
                site,
                negative=rule.prefix,
                action=Action(denied),
                ttl_minutes=TTL_NOT_REGISTERED_MINUTES if temporary else TTL_NOT_LISP_MINUTES,
            )
        mapping = self._store.longest_match(eid)
        # A mapping above the rule belongs to another site's larger prefix.
        if mapping is None or mapping.eid.length < rule.prefix.length:
            return self._not_registered(eid, site, rule)
        return self._registered(eid, site, mapping)

    def published(self, mapping: Mapping) -> bytes:
        """The record of a mapping as this server tells it in the name of its ETRs.

        What was registered, save for what the site's ``override`` says otherwise.
        """
        configured = self._sites.longest_match(mapping.eid)
        if configured is None or not configured[0].override:
            return mapping.published
        return overridden(mapping.published, configured[0].override)

    def scope(self, answer: Resolution) -> EidPrefix | None:
        """Where every EID is answered like this one, as things are; None: not known."""
        return self._scopes.of(answer)

    def hangs_on(self, answer: Resolution, scope: EidPrefix) -> EidPrefix:
        """Where a change of what is registered may make the answer another in its scope."""
        return self._scopes.hangs_on(answer, scope)

    def authority_over(self, eid: EidPrefix) -> EidPrefix | None:
        """The prefix within which this server may deny that the EID exists."""
        if not self._authority:
            return eid.truncated(0)
        covering = [prefix for prefix in self._authority if prefix.covers(eid)]
        return max(covering, key=lambda prefix: prefix.length, default=None)

    def _unconfigured(self, eid: EidPrefix) -> Resolution | None:
        bound = self.authority_over(eid)
        if bound is None:
            return Resolution(eid, Outcome.ELSEWHERE, Why.NOT_OURS)
        hole = common_hole(eid, bound.length, self._known)
        if hole is not None and not self._may_deny(eid):
            return Resolution(eid, Outcome.ELSEWHERE, Why.NOT_YET)
        if hole is not None:
            return self._negative(eid, Why.NOT_LISP, hole, TTL_NOT_LISP_MINUTES)
        # Something knows the EID, or parts of the prefix: the ALT has a route to it.
        return Resolution(eid, Outcome.ELSEWHERE, Why.NOT_OURS) if eid.is_host else None

    def _not_registered(self, eid: EidPrefix, site: LispSite, rule: EidRule) -> Resolution | None:
        def is_occupied(prefix: EidPrefix) -> bool:
            return any(True for _ in self._store.covered(prefix, limit=1))

        part = free_part(eid, rule.prefix.length, is_occupied)
        hole = None if part is None else self._sites.hole(eid, part.length)
        if hole is None:
            return None
        return self._negative(eid, Why.NOT_REGISTERED, hole, TTL_NOT_REGISTERED_MINUTES, site)

    @staticmethod
    def _negative(
        eid: EidPrefix, why: Why, prefix: EidPrefix, ttl: int, site: LispSite | None = None
    ) -> Resolution:
        return Resolution(
            eid,
            Outcome.NEGATIVE,
            why,
            site,
            negative=prefix,
            action=Action.NATIVELY_FORWARD,
            ttl_minutes=ttl,
        )

    def _registered(self, eid: EidPrefix, site: LispSite, mapping: Mapping) -> Resolution:
        if mapping.published[LOCATOR_COUNT_OFFSET] == 0:
            return Resolution(eid, Outcome.PROXY_REPLY, Why.REGISTERED_EMPTY, site, mapping)
        if site.proxy_reply is ProxyReply.ALWAYS:
            told = mapping._replace(published=self.published(mapping))
            return Resolution(eid, Outcome.PROXY_REPLY, Why.SITE_PROXIES, site, told)
        if site.proxy_reply is ProxyReply.AS_REQUESTED:
            active, _ = split(mapping)
            if any(flags_in(r.details) & PROXY_MAP_REPLY for r in active):
                told = mapping._replace(published=self.published(mapping))
                return Resolution(eid, Outcome.PROXY_REPLY, Why.REGISTERED_PROXY, site, told)
        return Resolution(eid, Outcome.FORWARD, Why.REGISTERED, site, mapping)
