"""What waits for the journal: Sends in the order they were given, each with its ticket."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from mapsys.core.effects import Send

WAITING_LIMIT: Final = 65_536
"""Some seconds of registrations at full speed; an ETR repeats what got no answer."""


class WaitingSends:
    """A bounded queue; tickets in it never fall."""

    def __init__(self, limit: int = WAITING_LIMIT) -> None:
        self._limit = limit
        self._released = 0
        self._sends: deque[Send] = deque()

    def __len__(self) -> int:
        return len(self._sends)

    def holds_back(self, ticket: int | None) -> bool:
        """Whether a Send with this ticket has to wait."""
        return ticket is not None and ticket > self._released

    def push(self, send: Send) -> bool:
        """Keep a Send until its ticket is released. False: no room, it is lost."""
        if len(self._sends) >= self._limit:
            return False
        self._sends.append(send)
        return True

    def release(self, ticket: int) -> Iterator[Send]:
        """The Sends that no longer wait, oldest first."""
        self._released = max(self._released, ticket)
        while self._sends and not self.holds_back(self._sends[0].after):
            yield self._sends.popleft()
