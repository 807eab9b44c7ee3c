"""What happened lately, and what of it concerns a divergence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tests.simulation.comparison import in_words

KEPT = 2_000
TAIL = 14


class History:
    """The last events; a Map-Register is put in words when somebody reads it."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, int, str, bytes]] = deque(maxlen=KEPT)

    def note(self, now: float, step: int, text: str, register: bytes = b"") -> None:
        """Remember what happened."""
        self._notes.append((now, step, text, register))

    @property
    def lines(self) -> list[str]:
        """A line for each event."""
        return [
            f"{now:10.1f} step {step}: {text}{in_words(data) if data else ''}"
            for now, step, text, data in self._notes
        ]

    def tail(self, said: str, names: Iterable[str]) -> list[str]:
        """The lines about the EIDs, sites and hosts that a text speaks of, and the last ones.

        names: of sites and hosts.
        """
        words = {w.strip(",()'") for w in said.split() if "/" in w}
        words |= {name for name in names if name in said}
        lines = self.lines
        tail = [line for line in lines if any(w in line for w in words)][-TAIL:]
        return tail + [line for line in lines[-3:] if line not in tail]
