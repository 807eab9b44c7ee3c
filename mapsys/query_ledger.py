"""What became of each site's Map-Registers, so that an operator sees why one was refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mapsys.core.effects import Effect, Endpoint, Refreshed, Refused, Registered, Withdrawn
from mapsys.query_rows import RefusalRow

SITES_LIMIT: Final = 100_000
"""Names remembered; a refusal names configured sites only, so this is never met in practice."""


@dataclass(slots=True)
class SiteAccount:
    """One site since the start.

    accepted: Map-Registers' effects that set or refreshed something; refused:
    Map-Registers that policy said no to.
    """

    accepted: int = 0
    refused: int = 0
    last_accepted_at: float | None = None
    last_refusal: RefusalRow | None = None


class SiteLedger:
    """Folds the core's effects into one account per site."""

    def __init__(self) -> None:
        self._accounts: dict[str, SiteAccount] = {}

    def observe(self, effects: Iterable[Effect], at: float) -> None:
        """Take in what the core decided; ``at`` is Unix seconds."""
        for effect in effects:
            match effect:
                case Registered() | Refreshed() | Withdrawn():
                    account = self._account(effect.site)
                    account.accepted += 1
                    account.last_accepted_at = at
                case Refused():
                    account = self._account(effect.site)
                    account.refused += 1
                    account.last_refusal = RefusalRow(
                        at=at,
                        source=endpoint_text(effect.source),
                        eid=None if effect.eid is None else effect.eid.pack(),
                        reason=effect.reason,
                        detail=effect.detail,
                    )

    def of(self, site: str) -> SiteAccount:
        """The account of a site; an empty one where nothing happened yet."""
        return self._accounts.get(site) or SiteAccount()

    def _account(self, site: str) -> SiteAccount:
        account = self._accounts.get(site)
        if account is None:
            if len(self._accounts) >= SITES_LIMIT:
                self._accounts.pop(next(iter(self._accounts)))
            account = self._accounts[site] = SiteAccount()
        return account


def endpoint_text(endpoint: Endpoint) -> str:
    """``192.0.2.1:4342`` or ``[2001:db8::1]:4342``."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}"
