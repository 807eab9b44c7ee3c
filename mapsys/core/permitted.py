"""What the store holds and the configuration no longer allows, after a reload or a start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mapsys.core import static
from mapsys.core.details import Details
from mapsys.core.site import SiteTable
from mapsys.eid import EidPrefix
from mapsys.store import Registration, Store

PAGE: Final = 1_000


def no_longer_allowed(store: Store, sites: SiteTable) -> Iterator[tuple[EidPrefix, bytes]]:
    """(EID-Prefix, registrant) of each; they may be removed while this goes on."""
    for eid, registrations in _everything(store):
        for registration in registrations:
            if not is_allowed(eid, registration, sites):
                yield eid, registration.registrant


def _everything(store: Store) -> Iterator[tuple[EidPrefix, tuple[Registration, ...]]]:
    cursor: EidPrefix | None = None
    while page := store.scan(cursor, PAGE):
        cursor = page[-1].eid
        for mapping in page:
            yield mapping.eid, mapping.registrations


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
