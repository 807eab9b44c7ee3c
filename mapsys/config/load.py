"""A configuration file, with what it includes, to a checked Config, or every fault at once."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
from pathlib import Path
from typing import Final

from mapsys.config import review
from mapsys.config.faults import Faults, Place, TooManyFaultsError, quoted
from mapsys.config.lisp_sec import refuse_shared_secrets
from mapsys.config.model import Config, SiteConfig
from mapsys.config.opened import opened
from mapsys.config.schema import FaultyError, Value
from mapsys.config.sites import read_sites
from mapsys.config.top import INCLUDED, TOP, read_patterns

INCLUDE_LIMIT: Final = 10_000
"""Files of one configuration; beyond that the sites belong into the database."""


def load(path: Path) -> Config:
    """Read, check and default a configuration.

    Raises ConfigError with the faults of all files, whatever the octets in them.
    """
    faults = Faults()
    config = None
    with contextlib.suppress(FaultyError, TooManyFaultsError):
        config = _load(path, faults)
    faults.raise_if_any()
    assert config is not None, "reading gave up without a fault"
    return config


def load_sites(path: Path) -> tuple[SiteConfig, ...]:
    """The sites of a file that has ``sites:`` alone. Raises ConfigError."""
    faults = Faults()
    sites: tuple[SiteConfig, ...] = ()
    with contextlib.suppress(FaultyError, TooManyFaultsError):
        value = INCLUDED.read(opened(path, path, faults))["sites"]
        sites = tuple(site for _, site in read_sites([value]))
    faults.raise_if_any()
    return sites


def _load(path: Path, faults: Faults) -> Config:
    root = opened(path, path, faults)
    try:
        top = TOP.read(root)
    except FaultyError:
        top = None
    own = root.child("sites")
    lists = [] if own is None else [own]
    patterns: tuple[str, ...] = ()
    if (include := root.child("include")) is not None:
        patterns, included = _included(path, include, faults)
        lists += included
    sites = read_sites(lists)
    if top is None:
        raise FaultyError
    top["sites"] = tuple(site for _, site in sites)
    top["include"] = patterns
    top["places"] = {site.name: _place(value) for value, site in sites}
    if top["authority"] is None:
        top["authority"] = tuple(block for instance in top["alt"] for block in instance.blocks)
    config = Config(**top)
    review.refuse_contradictions(root, config)
    refuse_shared_secrets(root, sites, config)
    return dataclasses.replace(config, findings=tuple(review.findings(root, sites, config)))


def _place(value: Value) -> Place:
    return Place(value.origin.file, value.node.line, value.node.column, value.path)


def _included(path: Path, include: Value, faults: Faults) -> tuple[tuple[str, ...], list[Value]]:
    """The patterns, and the ``sites:`` of each file they match, sorted by name."""
    patterns = read_patterns(include)
    names: dict[str, None] = {}
    for value, pattern in patterns:
        matches = sorted(glob.glob(pattern, root_dir=include.origin.folder))
        if not matches and not glob.has_magic(pattern):
            value.fault(f"{quoted(pattern)} does not exist")
        names |= dict.fromkeys(matches)
    if len(names) > INCLUDE_LIMIT:
        include.fault(f"{len(names)} files are included; at most {INCLUDE_LIMIT} are allowed")
        names = {}
    lists = []
    for name in names:
        try:
            file = opened(include.origin.folder / name, path.parent / name, faults)
            lists.append(INCLUDED.read(file)["sites"])
        except FaultyError:
            continue
    return tuple(pattern for _, pattern in patterns), lists
