"""How a command ends: exit codes that scripts can rely on, and errors that say what to do."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

import click


class ExitCode(IntEnum):
    """Process exit codes of every mapsys command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    """Not found, or not registered."""
    UNREACHABLE = 4
    """Unreachable, or no answer in time."""
    REFUSED = 5
    INVALID_CONFIGURATION = 6


class Failed(click.ClickException):
    """Ends a command: the message goes to stderr, the code to the caller."""

    exit_code: ClassVar[int] = ExitCode.FAILED


class NotFound(Failed):
    """What was asked for does not exist."""

    exit_code = ExitCode.NOT_FOUND


class Unreachable(Failed):
    """Nobody answered, or not in time."""

    exit_code = ExitCode.UNREACHABLE


class RefusedByServer(Failed):
    """The other side does not let this user do it."""

    exit_code = ExitCode.REFUSED


class InvalidConfiguration(Failed):
    """A configuration has faults, which the message lists."""

    exit_code = ExitCode.INVALID_CONFIGURATION
