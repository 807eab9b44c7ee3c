"""The row that every list of registrations is made of (see ``query_rows``)."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

RegistrationState = Literal["registered", "late", "former", "static"]
"""How a registration stands: refreshed in time; half of its lifetime over without a refresh;
moved away from, and kept only to know late refreshes; the operator's own."""

REGISTRATION_STATES: Final[tuple[RegistrationState, ...]] = get_args(RegistrationState)


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
    state: RegistrationState
    flags: list[str]
    xtr_id: bytes | None
    site_id: bytes | None
    first_seen: float
    last_seen: float
    expires_at: float
