"""Orders about sites in the database, and what comes of them (see ``query_rows``)."""

from __future__ import annotations

from typing import Literal

import msgspec

from mapsys.query_requester import Requester

SiteOrderKind = Literal["create", "replace", "amend", "delete"]
KeyOrderKind = Literal["rotate", "finish", "abort"]


class SiteOrder(msgspec.Struct, frozen=True, tag="site-order"):
    """Create, replace, amend (merge patch, RFC 7396) or delete a site.

    name: None for one that is created: its document says it. document: JSON; empty for
    a deletion. if_match: revisions of which it has to be one, "*" is any; None does not
    ask. once: a key of the sender's: the same order again under it changes nothing.
    """

    kind: SiteOrderKind
    by: Requester
    name: str | None = None
    document: bytes = b""
    if_match: list[str] | None = None
    once: str | None = None


class KeyOrder(msgspec.Struct, frozen=True, tag="key-order"):
    """Rotate in a next secret, let it take over, or drop it again.

    secret: None has one generated. valid_from: of the next one; valid_until: of the
    one before; moments as the configuration writes them, None for no bound.
    """

    kind: KeyOrderKind
    by: Requester
    site: str
    key_id: int
    secret: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None


class SiteWritten(msgspec.Struct, frozen=True, tag="site-written"):
    """The order is carried out, and that is durable.

    revision: of the site as it is now; empty where it is gone. document: JSON without
    secrets. secret: one that was generated, told here and never again.
    """

    name: str
    revision: str
    document: bytes
    secret: str | None = None
