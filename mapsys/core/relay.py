"""What RTRs pass on for xTRs behind address translators: Map-Registers, and acknowledgments.

Such a message comes in an ECM with the N bit. RTRs are named in the configuration,
and an xTR is told by its xTR-ID, since many may stand behind one RTR.

Source: draft-ermagan-lisp-nat-traversal-19, 4.3 and 5.2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mapsys.core.admission import MESSAGE
from mapsys.core.details import InnerAddresses
from mapsys.core.effects import Datagram, Dropped, Effect
from mapsys.core.notify import NotifyQueue
from mapsys.core.reasons import Drop
from mapsys.core.registrar import Registrar
from mapsys.core.relay_path import Rtrs
from mapsys.wire.ecm import Ecm
from mapsys.wire.map_notify import MapNotifyAck
from mapsys.wire.map_register import MapRegister

NOT_SPECIFIED: Final = (None, bytes(16))
"""No trailer, or one that gives a Site-ID alone."""


class Relay:
    """Takes messages out of the ECMs of RTRs."""

    def __init__(self, rtrs: Rtrs, registrar: Registrar, notifies: NotifyQueue) -> None:
        self._rtrs = rtrs
        self._registrar = registrar
        self._notifies = notifies

    def take(self, message: Ecm, datagram: Datagram, now: float) -> list[Effect]:
        """Handle the Map-Register or Map-Notify-Ack in an ECM with the N bit."""
        inner = message.message
        header = message.inner_header
        path = self._rtrs.path(
            datagram.source.host, InnerAddresses(header.source, header.destination)
        )
        if path is None:
            return [Dropped(datagram.source, type(inner).__name__, Drop.NOT_AN_RTR)]
        if isinstance(inner, MapNotifyAck):
            return self._notifies.acknowledged(inner, message.payload, datagram.source)
        if not isinstance(inner, MapRegister):
            return [Dropped(datagram.source, type(inner).__name__, Drop.UNEXPECTED_TYPE)]
        if inner.xtr_id in NOT_SPECIFIED:
            return [Dropped(datagram.source, MESSAGE, Drop.NO_XTR_ID)]
        register = public_part(inner)
        payload = Datagram(message.payload, datagram.source, datagram.local)
        return self._registrar.register(register, payload, now, relay=path)


def public_part(register: MapRegister) -> MapRegister:
    """A Map-Register without the locators that only its RTR may use (R bit clear).

    They are private addresses, put there for the RTR to choose among (5.1.1). What
    is left out here is neither stored nor published nor told to anyone. The MAC is
    verified over the octets that came.
    """
    records = tuple(
        replace(record, rlocs=tuple(rloc for rloc in record.rlocs if rloc.reachable))
        for record in register.records
    )
    return replace(register, records=records)
