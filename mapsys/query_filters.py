"""Which registrations a question is about, beside where their EID-Prefixes stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mapsys.core.details import HAS_XTR_ID, Details
from mapsys.core.publish import read_record
from mapsys.query_registration_row import RegistrationState
from mapsys.query_rows import RegistrationsQuestion
from mapsys.store import Registration
from mapsys.wire.address import Ipv4, Ipv6

LATE_PART: Final = 0.5
"""Of its lifetime: an ETR that registers each minute of three has missed one by then."""


def state_of(registration: Registration, facts: Details, now: float) -> RegistrationState:
    """How a registration stands at a time on the core's clock."""
    if facts.is_static:
        return "static"
    if facts.is_former:
        return "former"
    is_late = registration.deadline - now < facts.lifetime_seconds * LATE_PART
    return "late" if is_late else "registered"


def passes(
    question: RegistrationsQuestion, registration: Registration, facts: Details, now: float
) -> bool:
    """Whether a registration is what site, state, locator and xTR-ID ask for."""
    if question.site is not None and facts.site != question.site:
        return False
    if question.xtr_id is not None and (
        registration.registrant != question.xtr_id or not facts.flags & HAS_XTR_ID
    ):
        return False
    if question.state is not None and state_of(registration, facts, now) != question.state:
        return False
    return question.locator is None or has_locator(registration.record, question.locator)


def has_locator(record: bytes, address: bytes) -> bool:
    """Whether an EID-Record names an IP address among its locators, also inside an LCAF.

    address: 4 or 16 octets.
    """
    # Most records do not even hold the octets anywhere, and need not be read.
    return address in record and any(
        address in _addresses(rloc.rloc) for rloc in read_record(record).rlocs
    )


def _addresses(address: object) -> Iterator[bytes]:
    """The IP addresses in a locator: its own, or those of the LCAF that it is."""
    if isinstance(address, Ipv4 | Ipv6):
        yield address.packed
        return
    for name in ("addresses", "hops", "entries"):
        for inner in getattr(address, name, ()):
            yield from _addresses(inner)
    inner = getattr(address, "address", None)
    if inner is not None:
        yield from _addresses(inner)
