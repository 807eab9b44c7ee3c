"""A registration as it travels over the query socket."""

from __future__ import annotations

from typing import Final, Protocol

from mapsys.core import details
from mapsys.core.details import HAS_XTR_ID, Details
from mapsys.eid import EidPrefix
from mapsys.query_filters import state_of
from mapsys.query_registration_row import RegistrationRow
from mapsys.store import Registration

_FLAG_NAMES: Final = (
    (details.PROXY_MAP_REPLY, "proxy-map-reply"),
    (details.SECURITY_CAPABLE, "security-capable"),
    (details.MERGE_REQUEST, "merge-request"),
    (details.TTL_TIMEOUT, "use-ttl-for-timeout"),
    (details.NEXT_SECRET, "next-secret"),
    (details.FORMER, "former"),
    (details.STATIC, "static"),
    (details.RELAYED, "relayed"),
)


STALE: Final = "stale"
"""The flag of what came by another member of a fleet and is kept past its lifetime."""


class Clocked(Protocol):
    """The part of a ``query_pages.QuerySource`` that knows the time."""

    def clocks(self) -> tuple[float, float]:
        """The core's clock and Unix time, read together."""


class Holding(Clocked, Protocol):
    """The part that knows how what is registered came here."""

    def is_stale(self, eid: EidPrefix) -> bool:
        """Whether it is served past its lifetime, since a fleet's engine cannot be asked."""


def registration_row(
    eid: EidPrefix, registration: Registration, facts: Details, source: Holding
) -> RegistrationRow:
    """One registration of an EID-Prefix; facts: its details, unpacked."""
    now, unix_now = source.clocks()
    expires_at = unix_now + (registration.deadline - now)
    has_xtr_id = bool(facts.flags & HAS_XTR_ID)
    return RegistrationRow(
        eid=eid.pack(),
        record=registration.record,
        registrant=registration.registrant,
        site=facts.site,
        source=str(facts.source),
        key_id=facts.key_id,
        algorithm_id=facts.algorithm_id,
        state=state_of(registration, facts, now),
        flags=[
            *(name for bit, name in _FLAG_NAMES if facts.flags & bit),
            *([STALE] if source.is_stale(eid) else []),
        ],
        xtr_id=registration.registrant if has_xtr_id else None,
        site_id=facts.site_id if has_xtr_id else None,
        first_seen=facts.first_registered,
        last_seen=expires_at - facts.lifetime_seconds,
        expires_at=expires_at,
    )


def unix_time(at: float, source: Clocked) -> float:
    """A time on the core's clock as Unix seconds."""
    now, unix_now = source.clocks()
    return unix_now + (at - now)
