"""What every datapath promises; the pure one and a native one pass the same tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from mapsys.core.effects import Datagram, Effect, Endpoint, Send

BATCH_LIMIT = 64
"""Datagrams read in one turn; more than this gains nothing and starves the loop."""


class Datapath(Protocol):
    """Owns the UDP sockets of port 4342 and the queue of what waits for a commit."""

    def listen(self, addresses: Iterable[Endpoint]) -> None:
        """Serve exactly these addresses: open what is new, keep what stays, close the rest.

        Raises OSError before anything is changed.
        """

    def filenos(self) -> list[int]:
        """The descriptors whose readability calls for ``run``."""

    def run(self, now: float) -> list[Datagram]:
        """Read one batch, answer what is known, and hand up the rest (punts), in order."""

    def learn(self, punt: Datagram, effects: Sequence[Effect]) -> None:
        """Be shown the core's answer to a punt, to repeat it where the effects allow."""

    def send(self, sends: Iterable[Send]) -> None:
        """Send now, or keep until its ticket is released; keeps each destination's order."""

    def marks(self) -> tuple[int, bytes]:
        """The ticket and the packed changes since the last call, for the journal."""

    def release(self, ticket: int) -> None:
        """The journal has committed everything up to this ticket."""

    def counters(self) -> Mapping[str, int]:
        """Totals since start, by the names in ``datapath.counters``."""

    def close(self) -> None:
        """Close every socket."""
