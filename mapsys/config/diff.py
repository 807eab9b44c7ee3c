"""What a reload changes, in lines a person reads; secrets are only said to have changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from mapsys.config.model import Config, SiteConfig
from mapsys.config.schema import Plain
from mapsys.config.sites import SITE
from mapsys.config.top import TOP


def changes(old: Config, new: Config) -> list[str]:
    """One line for each thing that the new configuration has different; empty if none.

    Settings are named and spelled as in the file. The order of sites means nothing.
    """
    return [*_settings(_sections(old), _sections(new)), *_sites(old, new)]


def _sections(config: Config) -> dict[str, Plain]:
    """Everything but the sites, whose number can be large."""
    written = TOP.write(dataclasses.replace(config, sites=()))
    return {key: value for key, value in _mapping(written).items() if key != "sites"}


def _settings(old: Mapping[str, Plain], new: Mapping[str, Plain], path: str = "") -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _settings(before, after, f"{path}{key}.")
        else:
            yield f"{path}{key}: {_shown(before)} becomes {_shown(after)}"


def _sites(old: Config, new: Config) -> Iterator[str]:
    before = {site.name: site for site in old.sites}
    after = {site.name: site for site in new.sites}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"site {name}: removed"
        elif name not in before:
            prefixes = ", ".join(str(eid.prefix) for eid in after[name].eids)
            yield f"site {name}: added with {prefixes}"
        elif before[name] != after[name]:
            lines = list(_one_site(before[name], after[name]))
            for line in lines or ["listed in another order"]:
                yield f"site {name}: {line}"


def _one_site(old: SiteConfig, new: SiteConfig) -> Iterator[str]:
    before, after = _mapping(SITE.write(old)), _mapping(SITE.write(new))
    for members in ("keys", "eids"):
        del before[members], after[members]
    yield from _settings(before, after)
    yield from _members("key-id", {key.id: key for key in old.keys}, {k.id: k for k in new.keys})
    yield from _members(
        "EID-Prefix",
        {eid.prefix: eid for eid in old.eids},
        {eid.prefix: eid for eid in new.eids},
    )


def _members(noun: str, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[str]:
    """Compares what the file lists, told apart by key-id or prefix."""
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield f"{noun} {name} removed"
        elif name not in old:
            yield f"{noun} {name} added"
        elif old[name] != new[name]:
            fields = (field.name for field in dataclasses.fields(old[name]))
            differing = [f for f in fields if getattr(old[name], f) != getattr(new[name], f)]
            yield f"{noun} {name} changed: {', '.join(differing).replace('_', '-')}"


def _mapping(written: Plain | None) -> dict[str, Plain]:
    return written if isinstance(written, dict) else {}


def _shown(plain: Plain | None) -> str:
    match plain:
        case None:
            return "not set"
        case list():
            return "[" + ", ".join(map(_shown, plain)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {_shown(value)}" for key, value in plain.items()) + "}"
        case str():
            return plain
