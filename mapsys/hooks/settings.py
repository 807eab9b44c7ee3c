"""What the hooks' process is to do, as the daemon writes it down; and how it stands.

Both files are in the state folder with mode 0600. They name the files of secrets and
hold none.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

SETTINGS_NAME: Final = "hooks.json"
STATE_NAME: Final = "hooks-state.msgpack"


class Occasion(StrEnum):
    """What a hook is told of; of one move the departure first."""

    DEPARTURE = "departure"
    ARRIVAL = "arrival"


class Position(msgspec.Struct, frozen=True):
    """The last event that is over with (``query_events_rows``)."""

    session: str
    serial: int


class HookSettings(msgspec.Struct, frozen=True):
    """One hook. secret_file: its key. ca: PEM file of whom to trust; None is the system's."""

    url: str
    on: list[Occasion]
    secret_file: str
    ca: str | None


class HooksSettings(msgspec.Struct, frozen=True):
    """All hooks. since: Unix seconds; a hook that is new is told nothing from before."""

    hooks: list[HookSettings]
    since: float


class HookState(msgspec.Struct, frozen=True):
    """How one hook stands; the counts go on when the process starts again.

    since: it is told nothing from before. position: None at first. delivered, given_up:
    messages. failed: attempts. gaps: how often events were missed.
    last_delivered_at: Unix seconds. problem: of the last attempt; None after a success.
    """

    since: float
    position: Position | None = None
    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    gaps: int = 0
    last_delivered_at: float | None = None
    problem: str | None = None


def write_settings(state: Path, settings: HooksSettings) -> None:
    """Replace the file as a whole. Raises OSError."""
    _replace(state / SETTINGS_NAME, msgspec.json.encode(settings))


def read_settings(state: Path) -> HooksSettings:
    """What the daemon wrote. Raises OSError, and msgspec.DecodeError for another file."""
    return msgspec.json.decode((state / SETTINGS_NAME).read_bytes(), type=HooksSettings)


def forget(state: Path) -> None:
    """There are no hooks any more. Raises OSError."""
    for name in (SETTINGS_NAME, STATE_NAME):
        (state / name).unlink(missing_ok=True)


def write_states(state: Path, states: dict[str, HookState]) -> None:
    """By URL. Raises OSError."""
    _replace(state / STATE_NAME, msgspec.msgpack.encode(states))


def read_states(state: Path) -> dict[str, HookState]:
    """By URL; empty where nothing is known, or what is there is of another version."""
    try:
        octets = (state / STATE_NAME).read_bytes()
        return msgspec.msgpack.decode(octets, type=dict[str, HookState])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _replace(path: Path, octets: bytes) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(octets)
    os.replace(new, path)
