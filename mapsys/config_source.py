"""Where the daemon's configuration comes from: a file, and what the command line puts over it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from mapsys.config.faults import ConfigError, Fault
from mapsys.config.http import is_open_beyond_this_machine
from mapsys.config.load import load
from mapsys.config.model import Config, Http
from mapsys.config.review import OPEN_BEYOND
from mapsys.core.effects import Endpoint


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Read at the start and on every reload.

    state, listen, http: from the command line, in place of what the file says.
    """

    path: Path
    state: Path | None = None
    listen: tuple[Endpoint, ...] = ()
    http: Endpoint | None = None

    def load(self) -> Config:
        """The configuration in effect. Raises ConfigError."""
        config = load(self.path)
        if self.state is not None:
            config = dataclasses.replace(config, state=self.state.absolute())
        if self.listen:
            control = dataclasses.replace(config.control, listen=self.listen)
            config = dataclasses.replace(config, control=control)
        if self.http is not None:
            config = dataclasses.replace(config, http=_listening(config.http, self.http))
        return config

    def where(self, key: str) -> str:
        """What a person changes to give a setting another value."""
        options = {
            "control.listen": ("--listen", bool(self.listen)),
            "http.listen": ("--http", self.http is not None),
            "state": ("--state", self.state is not None),
        }
        option, is_given = options.get(key, ("", False))
        return option if is_given else f"{key} in {self.path}"


def _listening(http: Http | None, listen: Endpoint) -> Http:
    """The section of the file with another address; who may come in stays as it is there."""
    moved = Http(listen) if http is None else dataclasses.replace(http, listen=listen)
    if is_open_beyond_this_machine(moved) and not moved.unprotected:
        raise ConfigError([Fault("--http", 0, 0, "", f"{listen}: {OPEN_BEYOND}")])
    return moved
