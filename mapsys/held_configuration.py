"""The configuration from before one that is not confirmed, kept in the state folder.

So that a restart, too, takes back what nobody confirmed. It holds secrets, as the
state folder does anyway; mode 0600.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from mapsys.config.dump import dump
from mapsys.config.load import load
from mapsys.config.model import Config
from mapsys.config.secret import revealing

HELD_NAME: Final = "held.yaml"
MARK_NAME: Final = "held.json"


class Mark(msgspec.Struct, frozen=True):
    """Why a configuration is held.

    until: Unix time at which the other one is taken back. rejected: fingerprint of the
    other one. rolled_back: that has taken place; the held one is in force until a
    configuration with another fingerprint comes.
    """

    until: float
    rejected: str
    rolled_back: bool = False


class HeldConfiguration:
    """The files of one state folder."""

    def __init__(self, folder: Path) -> None:
        self._held = folder / HELD_NAME
        self._mark = folder / MARK_NAME

    def hold(self, config: Config, mark: Mark) -> None:
        """Keep a configuration. Raises OSError."""
        with revealing():
            text = dump(config)
        _replace(self._held, text.encode())
        self.mark(mark)

    def mark(self, mark: Mark) -> None:
        """Note something else about the one that is held. Raises OSError."""
        _replace(self._mark, msgspec.json.encode(mark))

    def read_mark(self) -> Mark | None:
        """Why one is held; None where none is, or it cannot be told."""
        try:
            return msgspec.json.decode(self._mark.read_bytes(), type=Mark)
        except (OSError, msgspec.DecodeError):
            return None

    def load(self) -> Config:
        """The one that is held. Raises ConfigError."""
        return load(self._held)

    def drop(self) -> None:
        """Hold none any more. Raises OSError."""
        self._mark.unlink(missing_ok=True)
        self._held.unlink(missing_ok=True)


def fingerprint(config: Config) -> str:
    """Tells configurations apart, secrets included."""
    with revealing():
        return hashlib.sha256(dump(config).encode()).hexdigest()


def _replace(path: Path, octets: bytes) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(descriptor)
    os.replace(new, path)
