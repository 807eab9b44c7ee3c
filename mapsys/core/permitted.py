"""What the store holds and the configuration no longer allows, after a reload or a start."""

from __future__ import annotations

from collections.abc import Iterator

from mapsys.core import static
from mapsys.core.details import STATIC, Details, flags_in, site_in
from mapsys.core.site import EidRule, LispSite, SiteTable
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Registration, Store


def no_longer_allowed(store: Store, sites: SiteTable) -> Iterator[tuple[EidPrefix, bytes]]:
    """(EID-Prefix, registrant) of each; they may be removed while this goes on."""
    for mapping in _in_doubt(store, sites):
        for registration in mapping.registrations:
            if not is_allowed(mapping.eid, registration, sites):
                yield mapping.eid, registration.registrant


def _in_doubt(store: Store, sites: SiteTable) -> Iterator[Mapping]:
    """The mappings to be looked at one by one.

    Of a million there are mostly none: all that a rule covers is passed over where one
    look says that it is allowed.
    """
    cursor: EidPrefix | None = None
    doubted: EidPrefix | None = None
    while page := store.scan(cursor, 1):
        (mapping,) = page
        cursor = mapping.eid
        match = sites.longest_match(cursor)
        if match is not None and match[1].prefix != doubted:
            site, rule = match
            if not sites.has_nested(rule) and _allows_all(site, rule, store):
                cursor = _last_inside(rule.prefix)
                continue
            doubted = rule.prefix
        yield mapping


def _allows_all(site: LispSite, rule: EidRule, store: Store) -> bool:
    """Whether all that is registered inside a rule's prefix, which holds no other, is allowed."""
    return (
        site.enabled
        and rule.accept_more_specifics
        and all(
            site_in(details) == site.name and not flags_in(details) & STATIC
            for details in store.summary(rule.prefix).details
        )
    )


def _last_inside(prefix: EidPrefix) -> EidPrefix:
    """What sorts after all else inside a prefix."""
    host_bits = (1 << (prefix.width - prefix.length)) - 1
    return EidPrefix(prefix.instance_id, prefix.family, prefix.network | host_bits, prefix.width)


def is_allowed(eid: EidPrefix, registration: Registration, sites: SiteTable) -> bool:
    """Whether the configured sites still allow what is registered."""
    details = Details.unpack(registration.details)
    match = sites.longest_match(eid)
    if match is None:
        return False
    site, rule = match
    if details.is_static:
        return static.is_configured(eid, sites)
    return (
        site.name == details.site
        and site.enabled
        and (eid == rule.prefix or rule.accept_more_specifics)
    )
