"""Answers about a site's keys."""

from __future__ import annotations

from typing import Protocol

from mapsys.core.key_uses import KeyUses
from mapsys.core.site import LispSite, SiteKey
from mapsys.query_keys_rows import ForgetNonce, KeyRow, KeysPage, KeyUseRow, NonceForgotten


class KeySource(Protocol):
    """The part of a ``query_pages.QuerySource`` that these questions need."""

    @property
    def key_uses(self) -> KeyUses: ...

    def clocks(self) -> tuple[float, float]: ...

    async def forget_nonce(self, order: ForgetNonce) -> NonceForgotten:
        """Forget it, once the order is in the audit trail.

        Raises LookupError where there is no such site or key, OSError where the
        trail cannot be written; then nothing was changed.
        """


def keys(site: LispSite, source: KeySource) -> KeysPage:
    """A site's keys without their secrets."""
    return KeysPage([_row(site, key, source) for key in site.keys])


def _row(site: LispSite, key: SiteKey, source: KeySource) -> KeyRow:
    now, unix_now = source.clocks()

    def unix(at: float) -> float:
        return unix_now + at - now

    return KeyRow(
        key_id=key.key_id,
        algorithm_ids=sorted(key.algorithm_ids),
        holder=key.holder,
        not_before=None if key.valid_from is None else unix(key.valid_from),
        not_after=None if key.valid_until is None else unix(key.valid_until),
        valid_now=key.is_valid_at(now),
        has_next_secret=key.next is not None,
        uses=[
            KeyUseRow(use.secret, use.times, unix(use.last_used))
            for use in source.key_uses.of(site.name)
            if use.key_id == key.key_id
        ],
    )
