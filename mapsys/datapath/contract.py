"""What every datapath promises; the pure one and a native one pass the same tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from mapsys.core.effects import Datagram, Effect, Endpoint, Send

BATCH_LIMIT = 64
"""Datagrams read in one turn; more than this gains nothing and starves the loop."""


class Listening(NamedTuple):
    """One open socket.

    address: what it is bound to. receive_buffer_octets: what the kernel granted.
    queue_drops: datagrams the kernel dropped because that buffer was full.
    """

    address: Endpoint
    receive_buffer_octets: int
    queue_drops: int


class Datapath(Protocol):
    """Owns the UDP sockets of port 4342 and the queue of what waits for a commit."""

    def listen(self, addresses: Iterable[Endpoint]) -> None:
        """Serve exactly these addresses: open what is new, keep what stays, close the rest.

        Port 0 lets the system choose. Raises OSError, with ``filename`` naming the
        address as HOST:PORT, before anything is changed.
        """

    def listening(self) -> list[Listening]:
        """What is open, in the order it was asked for."""

    def filenos(self) -> list[int]:
        """The descriptors whose readability calls for ``run``."""

    def run(self, now: float) -> list[Datagram]:
        """Read one batch, answer what is known, and hand up the rest (punts), in order."""

    def learn(self, punt: Datagram, effects: Sequence[Effect]) -> None:
        """Be shown the core's answer to a punt, to repeat it where the effects allow.

        Called before anything else changes the store.
        """

    def take_effects(self) -> list[Effect]:
        """What the answers that ``run`` repeated did since the last call, Sends left out."""

    def forget(self) -> None:
        """Repeat nothing learned so far: the core would now answer otherwise."""

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
