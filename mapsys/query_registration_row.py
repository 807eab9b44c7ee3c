"""The row that every list of registrations is made of (see ``query_rows``)."""

from __future__ import annotations

import msgspec


class RegistrationRow(msgspec.Struct, frozen=True):
    """One registrant's contribution to a mapping.

    record: the EID-Record as registered, in wire octets.
    """

    eid: bytes
    record: bytes
    registrant: bytes
    site: str
    source: str
    key_id: int
    algorithm_id: int
    flags: list[str]
    xtr_id: bytes | None
    site_id: bytes | None
    first_seen: float
    last_seen: float
    expires_at: float
