"""What may be sent to an address that nobody has shown to be the asker's own.

Whoever asks in another's name makes this server send to that other. The other gets,
for all that was received in its name, at most three times the octets and one datagram
for each received (RFC 9000, 8 has the same bound). Before that each address gets a
first burst, and all first bursts together come out of one small pool; so an ITR is
answered at once, and nobody can be flooded. An address that a Map-Register was
accepted from is not bounded, nor is one that the operator trusts.

Sizes are those of UDP payloads.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Final

from mapsys.core.shared_budgets import SharedProven, SharedUnproven
from mapsys.core.slots import Slots

FACTOR: Final = 3
"""Octets sent for one received."""

FIRST_BURST_OCTETS: Final = 2_048
"""For each address, ahead of what was received in its name."""

SAVED_OCTETS: Final = 4_096
"""What an address can have in store of three times what was received."""

FORGET_SECONDS: Final = 60.0
"""An address that nothing was asked for this long is as good as new."""

PROVEN_SECONDS: Final = 600.0
"""How long an accepted Map-Register vouches for the address it came from."""

TABLE_SIZE: Final = 65_536


class Proven:
    """Addresses that an authenticated Map-Register came from lately."""

    def __init__(self, size: int = TABLE_SIZE) -> None:
        self._slots = Slots(size)
        self._until = array("d", [0.0]) * self._slots.size

    def note(self, fingerprint: int, now: float) -> None:
        """A Map-Register from there was accepted."""
        slot = self._slots.find(fingerprint)
        if slot < 0:
            slot = self._slots.claim(fingerprint, self._until)
        self._until[slot] = now + PROVEN_SECONDS

    def holds(self, fingerprint: int, now: float) -> bool:
        """Whether that is so."""
        slot = self._slots.find(fingerprint)
        return slot >= 0 and self._until[slot] > now

    def shared(self) -> SharedProven:
        """The table itself."""
        return SharedProven(self._slots.owners, self._until, PROVEN_SECONDS)


class Unproven:
    """What has been sent to all other addresses, and what for.

    draw: takes so many octets out of the pool for first bursts at a time, or says no.
    """

    def __init__(self, draw: Callable[[float, float], bool], size: int = TABLE_SIZE) -> None:
        self._draw = draw
        self._slots = Slots(size)
        nothing = array("d", [0.0]) * self._slots.size
        self._last = array("d", [-math.inf]) * self._slots.size
        self._saved = nothing[:]
        self._first_used = nothing
        self._refused = array("Q", [0])

    @property
    def refused(self) -> int:
        """Answers that were not sent."""
        return self._refused[0]

    def shared(self) -> SharedUnproven:
        """The table itself."""
        return SharedUnproven(
            self._slots.owners,
            self._last,
            self._saved,
            self._first_used,
            self._refused,
            FACTOR,
            FIRST_BURST_OCTETS,
            SAVED_OCTETS,
            FORGET_SECONDS,
        )

    def allow(self, fingerprint: int, octets_in: int, octets_out: int, now: float) -> bool:
        """Whether one datagram may go to an address.

        octets_in: of the datagram that asks for it; 0 for all but the first that one
        datagram asks for.
        """
        slot = self._slots.find(fingerprint)
        if slot < 0 or self._last[slot] <= now - FORGET_SECONDS:
            slot = self._begin(fingerprint, slot, now)
        self._last[slot] = now
        saved = self._saved[slot] + FACTOR * octets_in
        if saved > SAVED_OCTETS:
            saved = float(SAVED_OCTETS)
        usable = saved if octets_in else 0.0
        missing = octets_out - usable
        if missing <= 0:
            self._saved[slot] = saved - octets_out
            return True
        first = self._first_used[slot] + missing
        if first <= FIRST_BURST_OCTETS and self._draw(missing, now):
            self._first_used[slot] = first
            self._saved[slot] = saved - usable
            return True
        self._saved[slot] = saved
        self._refused[0] += 1
        return False

    def _begin(self, fingerprint: int, slot: int, now: float) -> int:
        """The slot of an address that is new, or forgotten; slot: the one it has, or -1."""
        in_use = False
        if slot < 0:
            slot = self._slots.claim(fingerprint, self._last)
            in_use = self._last[slot] > now - FORGET_SECONDS
        # Who takes over a slot in use gets no first burst: a table that is full must
        # not be a way to another one.
        self._first_used[slot] = FIRST_BURST_OCTETS if in_use else 0.0
        self._saved[slot] = 0.0
        return slot
