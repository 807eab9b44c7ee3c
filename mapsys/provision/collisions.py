"""What sites of files and sites of the database hold twice between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mapsys.config.faults import Fault
from mapsys.config.model import Config, SiteConfig
from mapsys.table import PrefixTable


def collisions(config: Config, provisioned: Iterable[SiteConfig]) -> list[Fault]:
    """A fault of the file for each name, prefix and static mapping that cannot be."""
    kept = list(provisioned)
    if not kept:
        return []
    return [*_held_twice(config, kept), *_misplaced(config, kept)]


def _held_twice(config: Config, kept: list[SiteConfig]) -> Iterator[Fault]:
    names = {site.name for site in kept}
    holders = {eid.prefix: site.name for site in kept for eid in site.eids}
    if kept and config.map_server is None:
        yield Fault(
            config.node,
            0,
            0,
            "map-server",
            f"it is missing, and the database has {len(kept)} sites; add map-server: {{}}",
        )
    for site in config.sites:
        if site.name in names:
            yield _fault(
                config,
                site,
                f"{site.name!r} is the name of a site in the database already; give this one"
                f" another, or run: mapsys sites remove {site.name}",
            )
        for eid in site.eids:
            if eid.prefix in holders:
                yield _fault(
                    config,
                    site,
                    f"{eid.prefix} belongs to site {holders[eid.prefix]!r} in the database already;"
                    " an EID-Prefix belongs to one site",
                )


def _misplaced(config: Config, kept: list[SiteConfig]) -> Iterator[Fault]:
    """A longer prefix of another origin takes a static mapping out of its site."""
    everywhere = [*config.sites, *kept]
    if not any(site.static for site in everywhere):
        return
    holders: PrefixTable[str] = PrefixTable()
    for site in everywhere:
        for eid in site.eids:
            holders.put(eid.prefix, site.name)
    by_name = {site.name: site for site in config.sites}
    for site in everywhere:
        for mapping in site.static:
            found = holders.longest_match(mapping.prefix)
            if found is None or found[1] == site.name:
                continue
            at = by_name.get(site.name) or by_name.get(found[1])
            if at is not None:
                text = f"static mapping {mapping.prefix} of {site.name!r} lies in site {found[1]!r}"
                yield _fault(config, at, f"{text}; one of them is in the database")


def _fault(config: Config, site: SiteConfig, message: str) -> Fault:
    place = config.places.get(site.name)
    if place is None:
        return Fault(site.name, 0, 0, "", message)
    return Fault(place.file, place.line, place.column, place.path, message)
