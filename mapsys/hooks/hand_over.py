"""Writes down for the hooks' process what the configuration asks of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from mapsys.config.model import HookConfig
from mapsys.hooks.settings import (
    HookSettings,
    HooksSettings,
    Occasion,
    forget,
    write_settings,
)
from mapsys.start_error import StartError


def hand_over(hooks: Sequence[HookConfig], state: Path) -> None:
    """Into the state folder; what is new there is told of moves from now on. Raises OSError."""
    if not hooks:
        forget(state)
        return
    write_settings(state, HooksSettings([_settings(one) for one in hooks], time.time()))


def require_usable_hooks(hooks: Sequence[HookConfig]) -> None:
    """Raises StartError where a ``ca:`` cannot be used."""
    for number, hook in enumerate(hooks):
        try:
            ssl.create_default_context(cafile=hook.ca)
        except OSError as error:
            raise StartError(
                f"hooks[{number}].ca: {hook.ca} holds no certificate that can be used:"
                f" {error.strerror or error}; name a PEM file"
            ) from error


def _settings(hook: HookConfig) -> HookSettings:
    file = hook.secret.file
    if file is None:
        raise AssertionError("a hook's secret comes from a file")
    on = [Occasion(word) for word in hook.on]
    return HookSettings(hook.url, on, str(file), None if hook.ca is None else str(hook.ca))
