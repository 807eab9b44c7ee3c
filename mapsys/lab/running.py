"""Networks that run already: found by their names, entered, ended."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

from alt.netns import overlay_owner
from mapsys.lab import leftovers
from mapsys.lab.errors import CheckFailed, LabError
from mapsys.lab.waiting import wait_for

_END_SECONDS: Final = 90.0

_KINDS: Final = ("u-{}", "s-{}-0", "h-{}", "{}-0")
"""How namespaces are called after a node: its underlay, a site's inside, a host, an overlay."""


def tags() -> list[str]:
    """Those of networks that are there, dead ones included."""
    return leftovers.tags()


def namespace_of(node: str) -> str:
    """The namespace that a node's shell is in. Raises LabError."""
    tag = _only_tag()
    names = leftovers.namespaces(tag)
    for kind in _KINDS:
        name = f"{tag}-{kind.format(node)}"
        if name in names:
            return name
    nodes = sorted({name.removeprefix(f"{tag}-") for name in names})
    raise LabError(f"there is no node {node}; the namespaces are {', '.join(nodes)}")


def end(tag: str | None = None) -> list[str]:
    """End a network, by default the only one, in order, and remove what is left of dead ones.

    Returns the tags of what is gone. Raises LabError.
    """
    if tag is None and not tags():
        return []
    wanted = tag if tag is not None else _only_tag()
    owner = None
    with contextlib.suppress(OSError):
        owner = overlay_owner(f"{wanted}-net")
    if owner is not None and owner.alive():
        os.kill(owner.pid, signal.SIGTERM)
        try:
            wait_for(lambda: not owner.alive(), f"process {owner.pid} to end", _END_SECONDS)
        except CheckFailed as error:
            raise LabError(str(error)) from error
    return sorted({wanted, *leftovers.reap()})


def _only_tag() -> str:
    found = tags()
    if not found:
        raise LabError("no network runs; start one with: mapsys lab up")
    if len(found) > 1:
        raise LabError(f"several networks run: {', '.join(found)}; name one of them")
    return found[0]
