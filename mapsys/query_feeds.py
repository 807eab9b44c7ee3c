"""Answers to who subscribes to what, and to which EID-Prefixes there are for PITRs."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import Final, Protocol

from mapsys.core.site import SiteTable
from mapsys.core.subscriptions import SubscriberDetails
from mapsys.eid import EidPrefix, Family
from mapsys.query_feeds_rows import (
    PitrPrefixesPage,
    PitrPrefixesQuestion,
    SubscriptionRow,
    SubscriptionsPage,
    SubscriptionsQuestion,
)
from mapsys.query_registration import Clocked
from mapsys.store import Store
from mapsys.subscriptions import Subscription

SUBSCRIPTIONS_LIMIT: Final = 500
"""In one page at most."""

SITES_PER_PAGE: Final = 2_000
MAPPINGS_PER_PAGE: Final = 500
"""What is looked at for one page of prefixes: some milliseconds."""

SUBSCRIBER_OCTETS: Final = 16

ANNOUNCED: Final = (Family.IPV4, Family.IPV6)
"""The families of the Internet outside of LISP sites, where a PITR announces."""


class Feeding(Clocked, Protocol):
    """The part of a ``query_pages.QuerySource`` that these questions need."""

    @property
    def store(self) -> Store: ...
    @property
    def sites(self) -> SiteTable: ...


def subscriptions(question: SubscriptionsQuestion, source: Feeding) -> SubscriptionsPage:
    """A page of subscriptions. Raises ValueError for a cursor that was not handed out."""
    limit = max(1, min(question.limit, SUBSCRIPTIONS_LIMIT))
    after = None
    if question.cursor is not None:
        eid, end = EidPrefix.unpack(question.cursor)
        after = eid, question.cursor[end:]
    if question.prefix is None:
        held = source.store.subscriptions.after(after)
    else:
        only, _ = EidPrefix.unpack(question.prefix)
        behind = source.store.subscriptions.after(after or (only, b""))
        held = takewhile(lambda one: one.eid == only, behind)
    found = list(islice(held, limit + 1))
    rows = [_subscription_row(one, source) for one in found[:limit]]
    following = rows[-1].eid + rows[-1].xtr_id if len(found) > limit else None
    return SubscriptionsPage(rows, following)


def _subscription_row(one: Subscription, source: Feeding) -> SubscriptionRow:
    details = SubscriberDetails.unpack(one.details)
    now, unix_now = source.clocks()
    return SubscriptionRow(
        eid=one.eid.pack(),
        xtr_id=one.subscriber,
        state=details.state.name.lower(),
        itr_rlocs=list(details.itr_rlocs),
        key_id=details.key_id,
        temporary=details.temporary,
        ends_at=None if one.deadline == float("inf") else unix_now + one.deadline - now,
        last_nonce=one.nonce,
    )


def pitr_prefixes(question: PitrPrefixesQuestion, source: Feeding) -> PitrPrefixesPage:
    """A page of prefixes, not yet made few. Raises ValueError for a wrong cursor."""
    if question.of == "registered":
        after = None if question.cursor is None else EidPrefix.unpack(question.cursor)[0]
        found = source.store.scan(after, MAPPINGS_PER_PAGE)
        # Instance-ID 0 comes first in table order.
        own = [one.eid for one in found if one.eid.instance_id == 0]
        more = len(own) == MAPPINGS_PER_PAGE
        following = own[-1].pack() if more else None
    else:
        begin = int.from_bytes(question.cursor or b"", "big")
        sites = list(islice(source.sites, begin, begin + SITES_PER_PAGE))
        own = [rule.prefix for site in sites if site.enabled for rule in site.rules]
        more = len(sites) == SITES_PER_PAGE
        following = (begin + SITES_PER_PAGE).to_bytes(8, "big") if more else None
    wanted = [eid for eid in own if eid.instance_id == 0 and eid.family in ANNOUNCED]
    return PitrPrefixesPage([eid.pack() for eid in wanted], following)
