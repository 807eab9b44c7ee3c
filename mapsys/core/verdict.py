"""What one claim would do to the state, judged before anything is changed.

Several xTRs may stand behind one EID-Prefix: they agree (the same locator set
from each), they merge (each asked for it), or the latest one has taken over
and the others are former registrants, remembered for a while so that their late
refreshes change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mapsys.core.admission import Authenticated, Claim, is_older_map_version
from mapsys.core.details import (
    FORMER,
    HAS_XTR_ID,
    MERGE_REQUEST,
    PROXY_MAP_REPLY,
    RELAYED,
    SECURITY_CAPABLE,
    STATIC,
    TTL_TIMEOUT,
    Details,
    flags_in,
)
from mapsys.core.publish import MAX_LOCATORS, merged, read_record, reply_ready
from mapsys.core.reasons import Refusal
from mapsys.core.replay import digest_of
from mapsys.store import Mapping, Registration
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import EidRecord

NO_SITE_ID: Final = bytes(8)

MAX_REGISTRANTS: Final = 64
"""Contributions one EID-Prefix may have, former ones included."""

COMPARED_FLAGS: Final = (
    PROXY_MAP_REPLY | SECURITY_CAPABLE | MERGE_REQUEST | TTL_TIMEOUT | HAS_XTR_ID | RELAYED
)
"""Flags whose change makes a Map-Register more than a refresh."""


class Kind(Enum):
    """What a claim amounts to."""

    FIRST = "first"
    REFRESH = "refresh"
    CHANGE = "change"
    JOIN = "join"
    MOVE = "move"
    LATE = "late"
    WITHDRAW = "withdraw"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim, judged.

    record: the reply-ready record of the claim.
    active, former: the registrations that count at present, the claimant's
    included, and those that have been moved away from.
    own: the claimant's registration, active or former.
    published: what will be published, None when nothing will be.
    """

    claim: Claim
    kind: Kind
    record: EidRecord
    octets: bytes
    active: tuple[Registration, ...]
    former: tuple[Registration, ...]
    own: Registration | None
    published: bytes | None
    merge_conflict: bool = False


def flags_of(register: MapRegister, *, relayed: bool) -> int:
    """The flags of a Map-Register that a registration keeps."""
    return (
        (PROXY_MAP_REPLY if register.proxy_map_reply else 0)
        | (SECURITY_CAPABLE if register.security_capable else 0)
        | (MERGE_REQUEST if register.merge_request else 0)
        | (TTL_TIMEOUT if register.use_ttl_for_timeout else 0)
        | (HAS_XTR_ID if register.xtr_id is not None else 0)
        | (RELAYED if relayed else 0)
    )


def has_old_map_version(claim: Claim, mapping: Mapping | None) -> bool:
    """Whether the record is older than what is held for its prefix (RFC 9302, 5)."""
    if claim.record.map_version == 0 or mapping is None:
        return False
    held = int.from_bytes(mapping.published[8:10], "big") & 0x0FFF
    return is_older_map_version(claim.record.map_version, held)


def judge(
    claim: Claim,
    mapping: Mapping | None,
    register: MapRegister,
    who: Authenticated,
    flags: int,
) -> Verdict | tuple[Refusal, str]:
    """What the claim would do, or why policy refuses it.

    mapping: what is held for its EID-Prefix.
    """
    record = reply_ready(claim.record)
    octets = record.octets()
    held = None if mapping is None else mapping.published
    active, former = split(mapping)
    own = next((r for r in active + former if r.registrant == who.registrant), None)
    others = [r for r in active if r is not own]

    def verdict(kind: Kind, published: bytes | None, conflict: bool = False) -> Verdict:
        return Verdict(claim, kind, record, octets, active, former, own, published, conflict)

    if any(flags_in(r.details) & STATIC for r in active):
        return Refusal.STATIC_REGISTRATION, f"{claim.eid} is registered by the operator"
    if record.record_ttl_minutes == 0:
        if own in active:
            return verdict(Kind.WITHDRAW, union(others))
        return verdict(Kind.NOTHING, held)
    if own in former and own.record == octets != held:
        return verdict(Kind.LATE, held)
    if own in active and own.record == octets and flags_in(own.details) & COMPARED_FLAGS == flags:
        return verdict(Kind.REFRESH, held)
    if own is None and len(active) + len(former) >= MAX_REGISTRANTS:
        return (
            Refusal.TOO_MANY_REGISTRANTS,
            f"{MAX_REGISTRANTS} xTRs already stand behind {claim.eid}",
        )
    kind = Kind.CHANGE if own in active else Kind.JOIN
    if not others:
        return verdict(kind if own in active else Kind.FIRST, octets)
    if octets == held:
        return verdict(kind, held)
    if not _may_merge(register, others):
        wanted = all(flags_in(r.details) & MERGE_REQUEST for r in others)
        conflict = register.merge_request != wanted
        return verdict(Kind.MOVE, octets, conflict)
    whole = merged([record, *(read_record(r.record) for r in others)])
    if len(whole.rlocs) > MAX_LOCATORS:
        return (
            Refusal.TOO_MANY_LOCATORS,
            f"merged, {claim.eid} would have {len(whole.rlocs)} locators; "
            f"at most {MAX_LOCATORS} are accepted",
        )
    return verdict(kind, whole.octets())


def registrant_of_copy(register: MapRegister, mapping: Mapping | None) -> bytes | None:
    """Whose registration in a mapping these very octets have set.

    Without an xTR-ID a registrant is known by its address; someone else who sends
    a copy of its Map-Register is no second one. None where nobody's was.
    """
    if register.xtr_id is not None:
        return None
    active, _ = split(mapping)
    digest = digest_of(register)
    return next((r.registrant for r in active if r.digest == digest), None)


def split(mapping: Mapping | None) -> tuple[tuple[Registration, ...], tuple[Registration, ...]]:
    """The registrations of a mapping that count, and the former ones."""
    if mapping is None:
        return (), ()
    former = tuple([r for r in mapping.registrations if flags_in(r.details) & FORMER])
    if not former:
        return mapping.registrations, ()
    return tuple([r for r in mapping.registrations if r not in former]), former


def union(registrations: Sequence[Registration]) -> bytes | None:
    """The record octets that these registrations stand for together; None for none."""
    if not registrations:
        return None
    return merged([read_record(r.record) for r in registrations]).octets()


def _may_merge(register: MapRegister, others: Sequence[Registration]) -> bool:
    """All asked for it, and none belongs to another site (RFC 8378, 5.1.2)."""
    if not register.merge_request:
        return False
    site_id = register.site_id or NO_SITE_ID
    return all(
        details.merges and site_id in (NO_SITE_ID, details.site_id)
        for details in (Details.unpack(r.details) for r in others)
    )
