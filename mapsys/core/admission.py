"""May this Map-Register be believed, and may its site say this? No state is changed here.

Order matters (RFC 9301, 5.6, 5.7, 8.2): find the one site and key, verify the
MAC, and only then look at anything that could be told to the sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapsys.core.details import registrant_of
from mapsys.core.effects import Datagram, Dropped, Refused
from mapsys.core.limiter import Budgets
from mapsys.core.publish import MAX_LOCATORS
from mapsys.core.questions import is_loopback, is_unicast
from mapsys.core.reasons import Drop, Refusal
from mapsys.core.replay import Check, check_for, mark_of
from mapsys.core.site import EidRule, LispSite, SiteKey, SiteTable
from mapsys.eid import EidPrefix, Family
from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.auth import Key
from mapsys.wire.errors import WireError
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import EidRecord

MESSAGE: Final = "MapRegister"

Match = tuple[LispSite, EidRule]

_IP: Final = (Ipv4, Ipv6)


@dataclass(frozen=True, slots=True)
class Claim:
    """One record of an authenticated Map-Register with the rule that covers it."""

    record: EidRecord
    eid: EidPrefix
    rule: EidRule


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who sent a Map-Register, proven by its MAC.

    named: the EID-Prefix of each record, with the site and rule that cover it.
    """

    site: LispSite
    key: SiteKey
    secret: Key
    named: tuple[tuple[EidPrefix, Match | None], ...]
    registrant: bytes
    check: Check
    mark: bytes


def authenticate(
    register: MapRegister, datagram: Datagram, sites: SiteTable, budgets: Budgets, now: float
) -> Authenticated | Dropped:
    """Find the one site and key through the records, and verify the MAC.

    A record that no site claims does not name a site; it is refused later, once
    the others have proven who speaks. The MAC comes last, and costs an address that
    nobody vouches for part of a budget.
    """

    def dropped(reason: Drop, site: str = "") -> Dropped:
        return Dropped(datagram.source, MESSAGE, reason, site)

    if not register.records:
        return dropped(Drop.NO_RECORDS)
    try:
        eids = [record.eid_prefix for record in register.records]
    except WireError as error:
        return Dropped(datagram.source, MESSAGE, error.reason)
    named = tuple([(eid, sites.longest_match(eid)) for eid in eids])
    found = [match[0] for _, match in named if match is not None]
    if not found:
        return dropped(Drop.NO_SITE)
    site = found[0]
    if any(other is not site for other in found):
        return dropped(Drop.SEVERAL_SITES)
    key = site.key(register.key_id)
    if key is None:
        return dropped(Drop.UNKNOWN_KEY_ID, site.name)
    if not key.is_valid_at(now):
        return dropped(Drop.KEY_NOT_VALID_NOW, site.name)
    if register.algorithm_id not in key.algorithm_ids:
        return dropped(Drop.ALGORITHM_NOT_ALLOWED, site.name)
    if not budgets.take_proof(datagram.source.host, now):
        return dropped(Drop.RATE_LIMITED, site.name)
    secret = _proven_secret(site, key, datagram, now)
    if secret is None:
        return dropped(Drop.AUTHENTICATION_FAILED, site.name)
    registrant = registrant_of(register.xtr_id, datagram.source.host)
    check = check_for(site, register.algorithm_id)
    return Authenticated(site, key, secret, named, registrant, check, mark_of(site, register))


def _proven_secret(site: LispSite, key: SiteKey, datagram: Datagram, now: float) -> Key | None:
    if datagram.mac_good is not None and key.next is None:
        return key.current if datagram.mac_good else None
    for secret in key.secrets_at(now):
        if secret.verify(datagram.data):
            return secret
        if site.records_only_mac and secret.verify(datagram.data, records_only=True):
            return secret
    return None


def claims_of(
    register: MapRegister,
    who: Authenticated,
    datagram: Datagram,
    *,
    relayed: bool = False,
) -> list[Claim] | Refused:
    """Each record with its rule, or the first reason why policy refuses the message.

    relayed: it came through an RTR, without the locators that only the RTR may use.
    """
    site = who.site

    def refused(reason: Refusal, eid: EidPrefix | None, detail: str) -> Refused:
        return Refused(datagram.source, site.name, eid, reason, detail)

    if not site.enabled:
        return refused(Refusal.SITE_DISABLED, None, "the operator switched the site off")
    claims: list[Claim] = []
    seen: set[EidPrefix] = set()
    for record, (eid, match) in zip(register.records, who.named, strict=True):
        if match is None:
            return refused(Refusal.NOT_CONFIGURED, eid, f"no site holds {eid}")
        rule = match[1]
        if eid != rule.prefix and not rule.accept_more_specifics:
            detail = f"{eid} lies in {rule.prefix}, which accepts no more-specifics"
            return refused(Refusal.MORE_SPECIFIC_NOT_ACCEPTED, eid, detail)
        if who.key.holder is not None and eid == rule.prefix:
            detail = (
                f"key-id {who.key.key_id} is the visitor's key of {who.key.holder}; "
                f"it is good for more-specifics of {rule.prefix} only"
            )
            return refused(Refusal.VISITOR_EXACT_PREFIX, eid, detail)
        if eid in seen:
            return refused(Refusal.DUPLICATE_RECORD, eid, f"{eid} stands in two records")
        seen.add(eid)
        if relayed and record.record_ttl_minutes and not record.rlocs:
            detail = f"{eid} has no locator that others than the RTR could use"
            return refused(Refusal.NO_PUBLIC_RLOC, eid, detail)
        problem = locator_problem(record, site, datagram.source.host)
        if problem is not None:
            return refused(problem[0], eid, problem[1])
        claims.append(Claim(record, eid, rule))
    return claims


def locator_problem(record: EidRecord, site: LispSite, sender: str) -> tuple[Refusal, str] | None:
    """Why a record's locators are not acceptable from an address; None where they are."""
    if len(record.rlocs) > MAX_LOCATORS:
        detail = f"{len(record.rlocs)} locators; at most {MAX_LOCATORS} are accepted"
        return Refusal.TOO_MANY_LOCATORS, detail
    for rloc in record.rlocs:
        address = rloc.rloc
        if not isinstance(address, _IP):
            continue
        host = address.text
        if not is_unicast(host, loopback=True):
            return Refusal.RLOC_NOT_USABLE, f"{host} is no unicast address"
        if is_loopback(host) and not is_loopback(sender):
            return Refusal.RLOC_NOT_USABLE, f"{host} is a loopback address"
        if site.rlocs is not None and not _is_inside(address, site.rlocs):
            return Refusal.RLOC_NOT_ALLOWED, f"{host} is outside the site's locators"
    return None


def _is_inside(address: Ipv4 | Ipv6, allowed: tuple[EidPrefix, ...]) -> bool:
    family = Family.IPV4 if isinstance(address, Ipv4) else Family.IPV6
    width = 32 if family is Family.IPV4 else 128
    host = EidPrefix(0, family, int.from_bytes(address.packed, "big"), width)
    return any(prefix.covers(host) for prefix in allowed)


def is_older_map_version(new: int, held: int) -> bool:
    """Whether a Map-Version is before the held one, in 12-bit serial arithmetic.

    0 means that versioning is not used, on either side (RFC 9302, 5 and 6).
    """
    if new == 0 or held in (0, new):
        return False
    return (new - held) % 4096 >= 2048
