"""Static registrations: mappings that the operator keeps in place of an ETR."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from mapsys.core.details import PROXY_MAP_REPLY, STATIC, Details
from mapsys.core.effects import Effect, Endpoint, Registered
from mapsys.core.publish import MAX_LOCATORS, reply_ready
from mapsys.core.site import LispSite, SiteTable
from mapsys.core.verdict import split
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.wire.records import EidRecord

STATIC_REGISTRANT: Final = b"\1static"
"""The registrant of static mappings; no xTR-ID and no address looks like it."""

LIFETIME_SECONDS: Final = 0xFFFFFFFF
"""Static mappings stay until the configuration drops them."""

NOBODY: Final = Endpoint("0.0.0.0", 0)
NO_DIGEST: Final = bytes(16)


def static_records(
    sites: SiteTable, of: Iterable[LispSite] | None = None
) -> Iterator[tuple[str, EidPrefix, EidRecord]]:
    """The static mappings of some of the sites, or of all, with their site's name.

    Raises ValueError where one is not inside its own site, or has too many locators.
    """
    for site in sites if of is None else of:
        for record in site.static:
            eid = record.eid_prefix
            match = sites.longest_match(eid)
            if match is None or match[0] is not site:
                raise ValueError(f"static mapping {eid} is not inside site {site.name!r}")
            if len(record.rlocs) > MAX_LOCATORS:
                raise ValueError(f"static mapping {eid} has more than {MAX_LOCATORS} locators")
            yield site.name, eid, reply_ready(record)


def install(
    store: Store,
    sites: SiteTable,
    now: float,
    wall_offset: float,
    about_to_change: Callable[[EidPrefix], None],
    *,
    of: Iterable[LispSite] | None = None,
) -> list[Effect]:
    """Put the static mappings of some of the sites, or of all, into the store.

    about_to_change: is told of each EID-Prefix before what it publishes changes.

    Whoever has registered the same EID-Prefix gives way: the operator's word stands.
    What stands in the store as it should is left alone.
    """
    effects: list[Effect] = []
    for site_name, eid, record in static_records(sites, of):
        octets = record.octets()
        mapping = store.get(eid)
        active, former = split(mapping)
        held = next((r for r in active if r.registrant == STATIC_REGISTRANT), None)
        if held is not None and held.record == octets:
            continue
        about_to_change(eid)
        details = Details(
            site_name,
            0,
            0,
            0,
            STATIC | PROXY_MAP_REPLY,
            LIFETIME_SECONDS,
            int(now + wall_offset),
            NOBODY,
            NOBODY,
            bytes(8),
        )
        store.put(
            eid,
            STATIC_REGISTRANT,
            record=octets,
            details=details.pack(),
            digest=NO_DIGEST,
            deadline=now + LIFETIME_SECONDS,
            published=octets,
        )
        for registration in (*former, *active):
            if registration.registrant != STATIC_REGISTRANT:
                store.withdraw(eid, registration.registrant, published=octets)
        effects.append(Registered(eid, site_name, NOBODY, first=mapping is None))
    return effects


def is_configured(eid: EidPrefix, sites: SiteTable) -> bool:
    """Whether the static mapping is still wanted."""
    match = sites.longest_match(eid)
    return match is not None and any(record.eid_prefix == eid for record in match[0].static)
