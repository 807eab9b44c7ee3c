"""Whose turn it is to change the configuration in force."""

from __future__ import annotations

import asyncio

UNCONFIRMED = (
    "the configuration in force is not confirmed; 'mapsys reload confirm' or"
    " 'mapsys reload undo' comes first"
)


class ConfigurationTurn(asyncio.Lock):
    """Held while the configuration changes; who finds it held does not wait.

    on_trial: what is in force waits to be confirmed, and nothing else is built on it.
    """

    on_trial = False
