"""All targets, by name; each is imported only where it is used, for that takes time."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.fuzz.target import Target

MODULES: Final = {
    "message": "wire_targets",
    "lcaf": "wire_targets",
    "ecm": "wire_targets",
    "record": "core_target",
    "exabgp-line": "alt_target",
    "configuration": "local_targets",
    "journal": "local_targets",
    "query": "local_targets",
    "api": "local_targets",
    "any": "any_target",
}
"""Which module of this package has a target among its ``TARGETS``."""


def target_of(name: str) -> Target:
    """A target. Raises KeyError for a name that is not in MODULES."""
    module = import_module(f"tests.fuzz.{MODULES[name]}")
    targets: tuple[Target, ...] = module.TARGETS
    return next(target for target in targets if target.name == name)
