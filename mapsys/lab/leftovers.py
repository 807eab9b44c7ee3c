"""Finds what a lab has made, by its tag, and removes what one left behind that was killed.

Everything that a lab starts inherits its tag in the environment; everything that it
makes has it in its name.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from alt.netns import overlay_owner, remove_overlay
from mapsys.lab.errors import LabError

TAG_VARIABLE: Final = "MAPSYS_LAB"
TAG_PREFIX: Final = "mapsys-lab"

_NAMESPACES: Final = Path("/run/netns")
_TAG: Final = re.compile(rf"{TAG_PREFIX}-[0-9a-f]+")
_GRACE_SECONDS: Final = 10.0


def processes(tag: str) -> list[int]:
    """What runs of a lab."""
    return _processes()[tag]


def namespaces(tag: str) -> list[str]:
    """Names of a lab's network namespaces."""
    return _namespaces()[tag]


def tags() -> list[str]:
    """Labs that have namespaces, alive or not."""
    return sorted(_namespaces())


def folder_of(tag: str) -> Path:
    """Where a lab keeps its files."""
    return Path(tempfile.gettempdir()) / tag


def reap() -> list[str]:
    """Remove what labs left behind that were killed; returns their tags.

    A lab is alive as long as the process is that owns its bridge.
    """
    folders = {path.name for path in Path(tempfile.gettempdir()).glob(f"{TAG_PREFIX}-*")}
    dead = [t for t in sorted({*_processes(), *_namespaces(), *folders}) if not _is_alive(t)]
    for tag in dead:
        remove(tag)
        shutil.rmtree(folder_of(tag), ignore_errors=True)
    return dead


def remove(tag: str) -> None:
    """Kill a lab's processes, and remove its namespaces. Raises LabError."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while running := processes(tag):
        if time.monotonic() > deadline:
            raise LabError(f"processes {running} of {tag} do not end; kill them and try again")
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    for name in namespaces(tag):
        remove_overlay(name)


def _is_alive(tag: str) -> bool:
    bridge = f"{tag}-net"
    try:
        age_seconds = time.time() - (_NAMESPACES / bridge).stat().st_mtime
        owner = overlay_owner(bridge)
    except OSError:
        return False
    # One without an owner's mark is being made, or its maker died over it.
    return age_seconds < _GRACE_SECONDS if owner is None else owner.alive()


def _processes() -> defaultdict[str, list[int]]:
    by_tag: defaultdict[str, list[int]] = defaultdict(list)
    variable = f"{TAG_VARIABLE}=".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        for setting in environment:
            if setting.startswith(variable):
                by_tag[setting.removeprefix(variable).decode()].append(int(folder.name))
    return by_tag


def _namespaces() -> defaultdict[str, list[str]]:
    by_tag: defaultdict[str, list[str]] = defaultdict(list)
    for path in _NAMESPACES.glob(f"{TAG_PREFIX}-*"):
        if (tag := _TAG.match(path.name)) is not None:
            by_tag[tag[0]].append(path.name)
    return by_tag
