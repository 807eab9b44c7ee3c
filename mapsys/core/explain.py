"""Why an EID gets the answer it gets: the facts that decide, in the order in which they do.

Nothing here decides anything: the answer is that of ``core.resolution``, and the
rest is looked up where the servers look it up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mapsys.core.details import Details, describe_registrant
from mapsys.core.effects import Endpoint
from mapsys.core.forwarding import best_etr_host
from mapsys.core.key_uses import KeyUses
from mapsys.core.limiter import Limits, Rate
from mapsys.core.lisp_sec_settings import LispSecSettings, Policy
from mapsys.core.more_specifics import MoreSpecifics
from mapsys.core.notify import CONTROL_PORT
from mapsys.core.publish import read_record
from mapsys.core.questions import LocalAddresses
from mapsys.core.replies import negative_record, positive_records, room_for_records
from mapsys.core.resolution import Outcome, Resolution, Resolver, Why
from mapsys.core.site import EidRule, LispSite, SiteTable
from mapsys.core.subscriptions import State, state_of
from mapsys.core.verdict import split
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Registration, Store
from mapsys.wire.auth import ALGORITHMS
from mapsys.wire.records import Action, RlocRecord

DESCRIBED: Final = 8
"""Registrations that are described one by one; of more, the number is given."""


class Topic(StrEnum):
    """What a reason is about."""

    SITE = "site"
    POLICY = "policy"
    REGISTRATION = "registration"
    KEY = "key"
    ANSWER = "answer"
    AUTHORITY = "authority"
    SUBSCRIPTION = "subscription"
    LISP_SEC = "lisp-sec"
    LIMIT = "limit"


class Reason(NamedTuple):
    """One sentence of an explanation."""

    topic: Topic
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a Map-Request for an EID meets here, and why.

    rule: the configured EID-Prefix that decides whose it is. records: what the
    Map-Reply would hold, octets; empty where the request goes elsewhere. etr: the
    host it would be passed on to. reasons: in the order in which they decide.
    """

    resolution: Resolution
    rule: EidPrefix | None
    records: tuple[bytes, ...]
    etr: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Where an explanation looks things up: the parts of one engine, at one time.

    now: seconds on the core's clock. has_alt: whether an instance-ID has an ALT.
    """

    store: Store
    sites: SiteTable
    resolver: Resolver
    counts: MoreSpecifics
    key_uses: KeyUses
    local: LocalAddresses
    limits: Limits
    map_servers: tuple[Endpoint, ...]
    petr: tuple[RlocRecord, ...]
    path_mtu: int | None
    has_alt: Callable[[int], bool]
    lisp_sec: LispSecSettings
    now: float


def explain(eid: EidPrefix, facts: Facts) -> Explanation:
    """The answer to an EID with everything that led to it."""
    answer = facts.resolver.resolve(eid)
    match = facts.sites.longest_match(answer.eid)
    etr = _etr(answer, facts)
    records = _records(answer, facts)
    reasons = [
        *_about_site(match, facts),
        *_about_registrations(answer, facts),
        *_about_answer(answer, records, etr, facts),
        *_about_subscriptions(answer, facts),
        *_about_lisp_sec(answer, facts.lisp_sec),
        *_about_limits(answer, facts.limits),
    ]
    rule = None if match is None else match[1].prefix
    return Explanation(answer, rule, tuple(records), etr, tuple(reasons))


def _etr(answer: Resolution, facts: Facts) -> str | None:
    if answer.outcome is not Outcome.FORWARD or answer.mapping is None:
        return None
    over_loopback = all(ipaddress.ip_address(e.host).is_loopback for e in facts.local.endpoints)
    return best_etr_host(answer.mapping, facts.local, over_loopback=over_loopback, protected=False)


def _records(answer: Resolution, facts: Facts) -> list[bytes]:
    if answer.outcome is Outcome.PROXY_REPLY and answer.mapping is not None:
        room = room_for_records(facts.path_mtu, min(facts.local.families, default=4))
        published = facts.resolver.published
        return positive_records(answer.eid, answer.mapping, facts.store, room, published)
    if answer.outcome is Outcome.NEGATIVE:
        return [negative_record(answer, facts.petr)]
    return []


def _about_site(match: tuple[LispSite, EidRule] | None, facts: Facts) -> Iterator[Reason]:
    if match is None:
        yield Reason(Topic.SITE, "no site is configured for it")
        return
    site, rule = match
    takes = "registered exactly or not at all"
    if rule.accept_more_specifics:
        held = facts.counts.held(rule)
        takes = f"{held} of at most {rule.more_specifics_limit} more-specifics registered"
    yield Reason(Topic.SITE, f"{site.name} holds it by {rule.prefix}, {takes}")
    if not site.enabled:
        yield Reason(Topic.SITE, "the site is switched off: its Map-Registers are refused")
    if site.deny_action is not None:
        text = f"everyone who asks for the site is answered {_action(site.deny_action)} (deny)"
        yield Reason(Topic.POLICY, text)
    if site.pitr_action is not None:
        text = f"a PITR that asks for the site is answered {_action(site.pitr_action)} (pitr)"
        yield Reason(Topic.POLICY, text)


def _about_registrations(answer: Resolution, facts: Facts) -> Iterator[Reason]:
    mapping = answer.mapping
    if mapping is None:
        return
    active, former = split(mapping)
    for registration in active[:DESCRIBED]:
        yield Reason(Topic.REGISTRATION, _registered(mapping, registration, facts.now))
    if len(active) > DESCRIBED:
        yield Reason(Topic.REGISTRATION, f"and by {len(active) - DESCRIBED} more xTRs")
    if len(active) > 1:
        yield Reason(Topic.REGISTRATION, "what they registered is published as one set")
    for registration in former[:DESCRIBED]:
        silent = _seconds(registration.deadline - facts.now)
        who = describe_registrant(registration.registrant)
        text = (
            f"it moved away from xTR {who}, whose old record counts again once silent for {silent}"
        )
        yield Reason(Topic.REGISTRATION, text)
    yield from _about_keys(active, facts)


def _registered(mapping: Mapping, registration: Registration, now: float) -> str:
    details = Details.unpack(registration.details)
    if details.is_static:
        return f"{mapping.eid} is registered by the operator (static)"
    refreshed = _seconds(now - (registration.deadline - details.lifetime_seconds))
    through = "through RTR" if details.relayed is not None else "from"
    algorithm = ALGORITHMS[details.algorithm_id].name
    return (
        f"{mapping.eid} is registered by xTR {describe_registrant(registration.registrant)}"
        f" {through} {details.source} under key-id {details.key_id} with {algorithm},"
        f" refreshed {refreshed} ago, expires in {_seconds(registration.deadline - now)}"
    )


def _about_keys(active: tuple[Registration, ...], facts: Facts) -> Iterator[Reason]:
    all_details = [Details.unpack(registration.details) for registration in active]
    used = {(d.site, d.key_id) for d in all_details if not d.is_static}
    for site, key_id in sorted(used):
        uses = [use for use in facts.key_uses.of(site) if use.key_id == key_id]
        if not uses:
            yield Reason(Topic.KEY, f"key-id {key_id} of {site} was not used since the start")
        for use in uses:
            ago = _seconds(facts.now - use.last_used)
            text = f"the {use.secret} secret of key-id {key_id} of {site} was last used {ago} ago"
            yield Reason(Topic.KEY, text)


def _about_answer(
    answer: Resolution, records: list[bytes], etr: str | None, facts: Facts
) -> Iterator[Reason]:
    yield Reason(Topic.ANSWER, answer.why.value)
    match answer.outcome:
        case Outcome.PROXY_REPLY:
            yield from _about_reply(answer, records)
            yield from _about_override(answer)
        case Outcome.FORWARD:
            yield Reason(Topic.ANSWER, _passed_on(etr))
        case Outcome.NEGATIVE:
            yield from _about_negative(answer, facts)
        case Outcome.ELSEWHERE:
            yield from _about_elsewhere(answer, facts)


def _passed_on(etr: str | None) -> str:
    if etr is None:
        return "no ETR can be reached from here: the answer is to ask again in a minute"
    return f"the Map-Request goes on to {Endpoint(etr, CONTROL_PORT)}"


def _about_reply(answer: Resolution, records: list[bytes]) -> Iterator[Reason]:
    mapping = answer.mapping
    if mapping is None:
        return
    if len(records) > 1:
        text = f"the Map-Reply holds {mapping.eid} and {len(records) - 1} more-specifics of it"
        yield Reason(Topic.ANSWER, text)
    told = read_record(records[0]).eid_prefix
    if told != mapping.eid:
        text = (
            f"{mapping.eid} with its more-specifics does not fit a Map-Reply, so the answer is"
            f" for {told}: the largest part around the EID without other registrations"
        )
        yield Reason(Topic.ANSWER, text)


def _about_override(answer: Resolution) -> Iterator[Reason]:
    site, mapping = answer.site, answer.mapping
    if site is None or mapping is None:
        return
    told = {rloc.rloc for rloc in read_record(mapping.published).rlocs}
    for one in site.override:
        if one.rloc in told:
            text = (
                f"{site.name} says priority {one.priority} and weight {one.weight} of"
                f" {one.rloc.text}, whatever is registered (override)"
            )
            yield Reason(Topic.POLICY, text)


def _about_negative(answer: Resolution, facts: Facts) -> Iterator[Reason]:
    what = f"{answer.negative}, {_action(answer.action)}, {answer.ttl_minutes} min"
    yield Reason(Topic.ANSWER, f"the Map-Reply is negative: {what}")
    if answer.action is Action.NATIVELY_FORWARD and facts.petr:
        yield Reason(Topic.ANSWER, "it names the PETR's locators instead (petr)")
    if answer.why is Why.NOT_LISP:
        bound = facts.resolver.authority_over(answer.eid)
        text = f"{answer.negative} is the largest prefix around the EID, inside the authority over"
        yield Reason(Topic.AUTHORITY, f"{text} {bound}, that overlaps nothing known")
    elif answer.why is Why.NOT_REGISTERED:
        text = f"{answer.negative} is the largest part around the EID that nobody registers"
        yield Reason(Topic.AUTHORITY, f"{text}, inside the site's own prefix")


def _about_elsewhere(answer: Resolution, facts: Facts) -> Iterator[Reason]:
    bound = facts.resolver.authority_over(answer.eid)
    known = (
        "outside authority" if bound is None else f"inside authority {bound}, but known elsewhere"
    )
    if answer.why is Why.NOT_YET:
        known = f"inside authority {bound}, but the routes of the ALT are not complete yet"
    yield Reason(Topic.AUTHORITY, f"it is {known}")
    if facts.has_alt(answer.eid.instance_id):
        text = f"the Map-Request goes onto the ALT of instance-ID {answer.eid.instance_id}"
    elif facts.map_servers:
        text = "the Map-Request goes to one of map-servers: " + ", ".join(
            map(str, facts.map_servers)
        )
    else:
        text = "there is nobody to ask, so the Map-Request is dropped (not-authoritative)"
    yield Reason(Topic.ANSWER, text)


def _about_subscriptions(answer: Resolution, facts: Facts) -> Iterator[Reason]:
    held = facts.store.subscriptions
    for prefix, xtr_ids in held.covering(answer.eid):
        found = (held.get(prefix, xtr_id) for xtr_id in sorted(xtr_ids))
        active = [s for s in found if s is not None and state_of(s.details) is State.ACTIVE]
        if active:
            names = ", ".join(one.subscriber.hex() for one in active[:DESCRIBED])
            more = f" and {len(active) - DESCRIBED} more" if len(active) > DESCRIBED else ""
            text = f"{len(active)} xTRs hear of changes of {prefix}: {names}{more}"
            yield Reason(Topic.SUBSCRIPTION, text)


def _about_lisp_sec(answer: Resolution, settings: LispSecSettings) -> Iterator[Reason]:
    itrs, map_resolvers = settings.itrs.policy, settings.map_resolvers.policy
    if itrs is Policy.OFF and map_resolvers is Policy.OFF:
        return
    text = f"protection is {itrs.value} for ITRs, and {map_resolvers.value} for Map-Resolvers"
    yield Reason(Topic.LISP_SEC, text)
    if answer.outcome is Outcome.FORWARD and answer.site is not None:
        has = "has a key" if answer.site.lisp_sec is not None else "has no key"
        yield Reason(Topic.LISP_SEC, f"{answer.site.name} {has} to take One-Time Keys under")


def _about_limits(answer: Resolution, limits: Limits) -> Iterator[Reason]:
    if answer.outcome is Outcome.ELSEWHERE:
        return
    yield Reason(
        Topic.LIMIT,
        f"one RLOC is answered about one EID-Prefix {_rate(limits.replies_per_prefix)},"
        f" about all of them {_rate(limits.replies_per_destination)}",
    )


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "without limit"
    return f"{rate.per_second:g} times a second, {rate.burst:g} at once"


def _action(action: int) -> str:
    return Action(action).name.lower().replace("_", "-")


def _seconds(seconds: float) -> str:
    return f"{max(0, round(seconds))} s"
