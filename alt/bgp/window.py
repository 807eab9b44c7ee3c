"""Commands on their way to ExaBGP, a few at a time, each waiting for its answer.

ExaBGP scans its whole queue of commands on every turn, so a backlog there costs
quadratic time; the backlog is kept here instead. "error" names no command:
answers come in the order of the commands, and that is all that ties them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from mapsys.eid import EidPrefix

OUTSTANDING_LIMIT: Final = 16
"""Commands sent and not yet answered; each holds up to a few hundred prefixes."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line for ExaBGP.

    peer: the neighbour it speaks to; None where it concerns ExaBGP itself.
    prefixes: what it announces; empty for every other command.
    """

    line: str
    peer: str | None = None
    prefixes: tuple[EidPrefix, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a command.

    output: the lines that came before the answer itself.
    """

    command: Command
    is_done: bool
    output: tuple[str, ...]


class CommandWindow:
    """Sans-IO: lines to write come from :meth:`ready`, lines read go to :meth:`answered`."""

    def __init__(self) -> None:
        self._waiting: deque[Command] = deque()
        self._outstanding: deque[Command] = deque()
        self._output: list[str] = []
        self._progress_at = 0.0
        self.unasked = 0
        """Answers that no command waited for."""

    def __len__(self) -> int:
        return len(self._waiting) + len(self._outstanding)

    def submit(self, command: Command) -> None:
        """Have a command sent when its turn comes."""
        self._waiting.append(command)

    def ready(self, now: float) -> list[Command]:
        """The commands to write now."""
        commands = []
        if not self._outstanding:
            self._progress_at = now
        while self._waiting and len(self._outstanding) < OUTSTANDING_LIMIT:
            command = self._waiting.popleft()
            self._outstanding.append(command)
            commands.append(command)
        return commands

    def answered(self, line: str, now: float) -> Answer | None:
        """Take a line that is no event; the answer it completes, if it does."""
        if line not in ("done", "error"):
            self._output.append(line)
            return None
        output = tuple(self._output)
        self._output.clear()
        if not self._outstanding:
            self.unasked += 1
            return None
        self._progress_at = now
        command = self._outstanding.popleft()
        return Answer(command, line == "done", output)

    def silent_since(self) -> float | None:
        """Since when commands wait and none is answered; None while none waits."""
        return self._progress_at if self._outstanding else None

    def forget(self, peer: str) -> None:
        """Its session is down: what was not sent yet shall not be sent."""
        self._waiting = deque(c for c in self._waiting if c.peer != peer)

    def clear(self) -> None:
        """Another ExaBGP process: nothing is outstanding and nothing waits."""
        self._waiting.clear()
        self._outstanding.clear()
        self._output.clear()
