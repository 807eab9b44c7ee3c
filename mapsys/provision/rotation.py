"""A key's next secret: put beside the one in use, made that one, or dropped again."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from mapsys.core.key_uses import KeyUses
from mapsys.provision.document import Document, key_in
from mapsys.provision.refused import Refused
from mapsys.query_sites_rows import KeyOrder

GENERATED_OCTETS: Final = 32
"""As much as HMAC-SHA-256 can make use of (RFC 2104, 3)."""

NEXT: Final = "next-secret"
FROM: Final = "next-not-before"
UNTIL: Final = "current-not-after"

KeyUsesChange = Callable[[KeyUses], None]


class Rotated(NamedTuple):
    """generated: a secret that nobody knows yet. uses: what becomes of what was counted."""

    document: Document
    generated: str | None
    uses: KeyUsesChange


def rotated(document: Document, order: KeyOrder) -> Rotated:
    """A site's document after an order. Raises Refused."""
    changed = copy.deepcopy(document)
    site, key_id = order.site, order.key_id
    key = key_in(changed, key_id)
    if key is None:
        raise Refused("unknown-key", f"{site} has no key-id {key_id}")
    if order.kind == "rotate":
        return Rotated(changed, _begin(key, order), lambda uses: uses.drop_next(site, key_id))
    if NEXT not in key:
        raise Refused("no-rotation", f"key-id {key_id} of {site} has no next secret")
    coming = key.pop(NEXT)
    for bound in (FROM, UNTIL):
        key.pop(bound, None)
    if order.kind == "abort":
        return Rotated(changed, None, lambda uses: uses.drop_next(site, key_id))
    key["secret"] = coming
    return Rotated(changed, None, lambda uses: uses.promote(site, key_id))


def _begin(key: Document, order: KeyOrder) -> str | None:
    if NEXT in key:
        raise Refused(
            "under-way",
            f"key-id {order.key_id} of {order.site} has a next secret already; finish or abort"
            " that first",
        )
    generated = secrets.token_urlsafe(GENERATED_OCTETS) if order.secret is None else None
    key[NEXT] = generated or order.secret
    for bound, moment in ((FROM, order.valid_from), (UNTIL, order.valid_until)):
        if moment is not None:
            key[bound] = moment
    return generated
