"""One tunnel router without its sockets: datagrams, packets and times in, effects out."""

from __future__ import annotations

from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.xtr.control import Control
from mapsys.xtr.effects import Effect, Event, Told
from mapsys.xtr.forwarding import Forwarding
from mapsys.xtr.moving import Moving
from mapsys.xtr.registrar import Registrar
from mapsys.xtr.settings import XtrSettings
from mapsys.xtr.state import Randomness, XtrState

WATCH_SECONDS: Final = 5.0
"""Between looks at which locators are in use."""


class Xtr:
    """ITR, ETR, PITR and PETR in one, as its settings say.

    Times are seconds on the caller's clock, never decreasing. What cannot be used is
    counted in ``state.uncarried``; nothing is raised.
    """

    def __init__(self, settings: XtrSettings, randomness: Randomness) -> None:
        self.state = XtrState(settings, randomness)
        self.registrar = Registrar(settings, randomness.rising)
        self._moving = Moving(self.state, self.registrar)
        self._forwarding = Forwarding(self.state, self._moving)
        self._control = Control(self.state, self.registrar, self._moving, self._forwarding)
        self._watch_at = 0.0

    def start(self, now: float) -> list[Effect]:
        """Register the site."""
        self._watch_at = now
        return self._moving.carried_out(self.registrar.start(now), now)

    def handle_control(self, data: bytes, source: Endpoint, local: str, now: float) -> list[Effect]:
        """A datagram that came to port 4342 of an own address, ``local``."""
        return self._control.handle(data, source, local, now)

    def handle_outer(
        self, payload: bytes, source: str, hop_limit: int, traffic_class: int, now: float
    ) -> list[Effect]:
        """A datagram that came to port 4341, with its outer hop limit and traffic class."""
        return self._forwarding.from_underlay(payload, source, hop_limit, traffic_class, now)

    def handle_packet(self, octets: bytes, instance_id: int, now: float) -> list[Effect]:
        """A packet that the site sent into the device of an instance-ID."""
        return self._forwarding.from_site(octets, instance_id, now)

    def arrived(self, eid: EidPrefix, now: float) -> list[Effect]:
        """A host has come: one that may visit, or one of the site's that was away."""
        return self._moving.arrived(eid, now)

    def left(self, eid: EidPrefix, now: float) -> list[Effect]:
        """A host has gone."""
        return self._moving.left(eid, now)

    def reconfigure(self, settings: XtrSettings, now: float) -> list[Effect]:
        """Other locators or weights: register them, and solicit those who send here.

        Devices, state and status socket stay as they were.
        """
        before = self.state.settings
        self.state.replace_settings(settings)
        told = f"{len(settings.locators)} locators"
        effects: list[Effect] = [Told(Event.RELOADED, told)]
        said = self.registrar.replace_settings(settings, now)
        effects += self._moving.carried_out(said, now)
        if before.rloc_records != settings.rloc_records:
            for eid in (*settings.eids, *self.registrar.visitors()):
                self.state.solicit(eid, now)
        return effects

    def next_deadline(self) -> float:
        """When to call :meth:`expire`, at the latest."""
        state = self.state
        deadlines = (
            self._watch_at,
            self.registrar.next_deadline(),
            state.requests.next_deadline(),
            state.solicitor.next_deadline(),
            state.prober.next_deadline(),
            state.cache.next_deadline(),
        )
        return min(one for one in deadlines if one is not None)

    def expire(self, now: float) -> list[Effect]:
        """Everything whose time has come."""
        if self._watch_at <= now:
            self._watch_at = now + WATCH_SECONDS
            self.state.watch_locators(now)
        return self._control.expire(now)
