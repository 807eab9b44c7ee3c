"""Questions about subscriptions and about prefixes for PITRs (see ``query_rows``)."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

PrefixSource = Literal["configured", "registered"]
"""What a PITR is to announce: what sites may register, or what they have registered."""

PREFIX_SOURCES: Final[tuple[PrefixSource, ...]] = get_args(PrefixSource)


class SubscriptionsQuestion(msgspec.Struct, frozen=True, tag="subscriptions"):
    """Who hears of which changes? cursor: as answered in ``SubscriptionsPage.next``.

    prefix: only of those of this EID-Prefix, packed.
    """

    limit: int = 100
    cursor: bytes | None = None
    prefix: bytes | None = None


class SubscriptionRow(msgspec.Struct, frozen=True):
    """One xTR at one EID-Prefix (packed).

    state: active, silent or removed; of the latter only the nonce is kept. itr_rlocs:
    where Map-Notifies go. ends_at: Unix seconds, None where it does not end by itself.
    """

    eid: bytes
    xtr_id: bytes
    state: str
    itr_rlocs: list[str]
    key_id: int
    temporary: bool
    ends_at: float | None
    last_nonce: int


class SubscriptionsPage(msgspec.Struct, frozen=True, tag="subscriptions"):
    """Subscriptions by EID-Prefix and xTR-ID. ``next`` is None at the end."""

    rows: list[SubscriptionRow]
    next: bytes | None


class PitrPrefixesQuestion(msgspec.Struct, frozen=True, tag="pitr-prefixes"):
    """Which EID-Prefixes of instance-ID 0 are there? cursor: as answered before."""

    of: PrefixSource = "configured"
    cursor: bytes | None = None


class PitrPrefixesPage(msgspec.Struct, frozen=True, tag="pitr-prefixes"):
    """IPv4 and IPv6 EID-Prefixes, packed. ``next`` is None at the end; a page may be empty."""

    prefixes: list[bytes]
    next: bytes | None
