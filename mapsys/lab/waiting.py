"""Waits for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from mapsys.lab.errors import CheckFailed

PATIENCE_SECONDS: Final = 120.0
"""Far more than anything here takes; only a failure waits that long."""

_PAUSE_SECONDS: Final = 0.01


def wait_for(
    condition: Callable[[], bool],
    what: str,
    seconds: float = PATIENCE_SECONDS,
    found: Callable[[], object] | None = None,
) -> float:
    """Poll; returns the seconds it took.

    found: asked for what there is instead, where the time runs out.
    Raises CheckFailed.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            instead = "" if found is None else f"; found {found()}"
            raise CheckFailed(f"waited {seconds:.0f} s for {what}{instead}")
        time.sleep(_PAUSE_SECONDS)
    return time.monotonic() - began
