"""What became of each site's Map-Registers, so that an operator sees why one was refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from mapsys.core.effects import (
    Dropped,
    Effect,
    Endpoint,
    Refreshed,
    Refused,
    Registered,
    Withdrawn,
)
from mapsys.eid import EidPrefix
from mapsys.minute_counts import MinuteCounts

SITES_LIMIT: Final = 100_000
"""Names remembered; effects name configured sites only, so reloads alone can get here."""


DROPPED: Final = "dropped without an answer, and nothing was changed"
"""Said of Map-Registers that did not authenticate or were replayed; anyone can send such ones."""


class LastRefusal(NamedTuple):
    """A Map-Register that changed nothing, and when, on the core's clock."""

    at: float
    source: Endpoint
    eid: EidPrefix | None
    reason: str
    detail: str


@dataclass(slots=True)
class SiteAccount:
    """One site since the start; times are on the core's clock.

    accepted: effects of Map-Registers that set, refreshed or withdrew something.
    refused: Map-Registers that policy said no to, or that were dropped.
    accepted_lately, refused_lately: the same by minutes; None before the first.
    """

    accepted: int = 0
    refused: int = 0
    last_accepted: float | None = None
    last_refusal: LastRefusal | None = None
    accepted_lately: MinuteCounts | None = None
    refused_lately: MinuteCounts | None = None


class SiteLedger:
    """Folds the core's effects into one account per site."""

    def __init__(self) -> None:
        self._accounts: dict[str, SiteAccount] = {}

    def observe(self, effects: Iterable[Effect], now: float) -> None:
        """Take in what the core decided, at a time on its clock."""
        for effect in effects:
            match effect:
                case Registered() | Refreshed() | Withdrawn():
                    account = self._account(effect.site)
                    count = effect.count if isinstance(effect, Refreshed) else 1
                    account.accepted += count
                    account.last_accepted = now
                    if account.accepted_lately is None:
                        account.accepted_lately = MinuteCounts(now)
                    account.accepted_lately.count(now, count)
                case Refused():
                    last = LastRefusal(now, effect.source, effect.eid, effect.reason, effect.detail)
                    self._refused(effect.site, last)
                case Dropped() if effect.site:
                    last = LastRefusal(now, effect.source, None, effect.reason, DROPPED)
                    self._refused(effect.site, last)

    def of(self, site: str) -> SiteAccount:
        """The account of a site; an empty one where nothing happened yet."""
        return self._accounts.get(site) or SiteAccount()

    def forget(self, site: str) -> None:
        """There is no such site any more."""
        self._accounts.pop(site, None)

    def _refused(self, site: str, last: LastRefusal) -> None:
        account = self._account(site)
        account.refused += 1
        account.last_refusal = last
        if account.refused_lately is None:
            account.refused_lately = MinuteCounts(last.at)
        account.refused_lately.count(last.at)

    def _account(self, site: str) -> SiteAccount:
        account = self._accounts.get(site)
        if account is None:
            if len(self._accounts) >= SITES_LIMIT:
                self._accounts.pop(next(iter(self._accounts)))
            account = self._accounts[site] = SiteAccount()
        return account
