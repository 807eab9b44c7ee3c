"""Questions about a site's keys, and the one order to forget a nonce (see ``query_rows``)."""

from __future__ import annotations

import msgspec

from mapsys.query_requester import Requester


class KeysQuestion(msgspec.Struct, frozen=True, tag="keys"):
    """Which keys has a site, and when were they used last?"""

    site: str


class ForgetNonce(msgspec.Struct, frozen=True, tag="forget-nonce"):
    """Let an xTR start again with any nonce.

    xtr_id: 16 octets; None for the nonce that xTRs without one share.
    """

    site: str
    key_id: int
    xtr_id: bytes | None
    by: Requester


class KeyUseRow(msgspec.Struct, frozen=True):
    """Accepted Map-Registers since the start; secret: "current" or "next"."""

    secret: str
    times: int
    last_used_at: float


class KeyRow(msgspec.Struct, frozen=True):
    """One key-id; never a secret. not_before, not_after: Unix seconds, None for no bound."""

    key_id: int
    algorithm_ids: list[int]
    holder: str | None
    not_before: float | None
    not_after: float | None
    valid_now: bool
    has_next_secret: bool
    uses: list[KeyUseRow]


class KeysPage(msgspec.Struct, frozen=True, tag="site-keys"):
    """The keys of a site, by key-id."""

    rows: list[KeyRow]


class NonceForgotten(msgspec.Struct, frozen=True, tag="nonce-forgotten"):
    """The order is carried out; nonce: what was remembered, None where nothing was."""

    nonce: int | None
