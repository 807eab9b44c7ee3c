"""One neighbour's session: its state, what it said and what it was told."""

from __future__ import annotations

from typing import Final

from alt.bgp.events import OpenReceived
from alt.model import Tunnel
from alt.rib.adj_in import AdjRibIn
from alt.rib.adj_out import AdjRibOut
from mapsys.eid import EidPrefix, Family

STALE_PATH_SECONDS: Final = 120.0
"""How long a neighbour that is back may take to confirm its routes."""


class Peer:
    """Session state as seen through the speaker's events.

    stale_until: when unconfirmed routes are swept; None while there are none.
    held_until: end of a hold-off, during which the session is kept down.
    complete: families whose End-of-RIB has come since the session is up.
    """

    def __init__(self, tunnel: Tunnel) -> None:
        self.tunnel = tunnel
        self.adj_in = AdjRibIn()
        self.adj_out = AdjRibOut(tunnel.name)
        self.is_up = False
        self.complete: set[Family] = set()
        self.stale_until: float | None = None
        self.held_until: float | None = None
        self._opened: OpenReceived | None = None
        self._speaker_was_lost = False

    @property
    def router_id(self) -> int:
        """The neighbour's BGP identifier; 0 before its first OPEN."""
        return self._opened.router_id if self._opened else 0

    @property
    def families(self) -> tuple[Family, ...]:
        """What both ends carry."""
        offered = self._opened.families if self._opened else frozenset()
        return tuple(f for f in self.tunnel.families if f in offered)

    def opened(self, event: OpenReceived) -> None:
        """Its OPEN has come."""
        self._opened = event

    def up(self, now: float) -> list[EidPrefix]:
        """The session is established; returns kept routes that are void after all.

        A neighbour that lost its forwarding state, or has no graceful restart,
        starts from nothing; after a restart of this side's speaker its routes
        stay until it has repeated them or the time is up.
        Source: RFC 4724, 4.2.
        """
        self.is_up = True
        self.complete.clear()
        void: list[EidPrefix] = []
        if not self._speaker_was_lost:
            kept = self._opened.forwarding if self._opened else frozenset()
            for family in Family:
                if family not in kept:
                    void += self.adj_in.sweep(family)
        self._speaker_was_lost = False
        if self.stale_until is not None:
            self.stale_until = now + STALE_PATH_SECONDS
        return void

    def down(self, *, clean: bool, now: float) -> list[EidPrefix]:
        """The session is lost, or an attempt failed; returns the routes that went with it.

        Routes that were stale already do not survive a second loss.
        """
        if not self.is_up:
            return []
        graceful = self._opened.graceful_seconds if self._opened else None
        seconds = min(graceful or 0, self.tunnel.graceful_seconds)
        if clean or not seconds:
            return self.clear()
        return self._keep(now + seconds)

    def clear(self) -> list[EidPrefix]:
        """The session is down and nothing is kept; returns the routes that went."""
        self.is_up = False
        self.complete.clear()
        self.stale_until = None
        return self.adj_in.clear()

    def speaker_lost(self, now: float) -> list[EidPrefix]:
        """The speaker died: its peers are well, so their routes are kept for a while."""
        self.adj_out.forget()
        if not self.is_up:
            return []
        self._speaker_was_lost = True
        return self._keep(now + self.tunnel.graceful_seconds)

    def _keep(self, until: float) -> list[EidPrefix]:
        self.is_up = False
        self.complete.clear()
        swept = self.adj_in.sweep()
        self.adj_in.mark_stale()
        self.stale_until = until
        return swept

    def end_of_rib(self, family: Family) -> list[EidPrefix]:
        """Everything of a family has come; returns what was not repeated."""
        self.complete.add(family)
        return self.adj_in.sweep(family)

    def refresh_began(self, family: Family, now: float) -> None:
        """The neighbour repeats a family; what it leaves out is gone (RFC 7313, 4)."""
        self.adj_in.mark_stale(family)
        self.stale_until = now + STALE_PATH_SECONDS

    def expire(self, now: float) -> list[EidPrefix]:
        """Sweep what is overdue; returns the routes that went."""
        if self.stale_until is None or self.stale_until > now:
            return []
        self.stale_until = None
        self._speaker_was_lost = False
        return self.adj_in.sweep()
