"""RTRs, and how a Map-Notify gets through one of them to an xTR behind an address translator.

Source: draft-ermagan-lisp-nat-traversal-19, 4.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mapsys.core.details import InnerAddresses
from mapsys.core.effects import Endpoint
from mapsys.core.notify import CONTROL_PORT
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.rtr_authentication import RtrKey


@dataclass(frozen=True, slots=True)
class Rtr:
    """A configured RTR; key: what Map-Notifies through it are signed with, if anything."""

    address: str
    key: RtrKey | None = None


@dataclass(frozen=True, slots=True)
class RelayPath:
    """The way to one xTR: its RTR, and the addresses inside the RTR's ECM."""

    rtr: Rtr
    inner: InnerAddresses

    @property
    def destination(self) -> Endpoint:
        """Where the ECM goes."""
        return Endpoint(self.rtr.address, CONTROL_PORT)

    def wrap(self, map_notify: bytes) -> bytes:
        """The ECM that carries a Map-Notify to the RTR: R bit, and S bit where there is a key."""
        inner = build_ip_udp(
            self.inner.map_server, self.inner.xtr, CONTROL_PORT, CONTROL_PORT, map_notify
        )
        key = self.rtr.key
        security = None if key is None else key.authentication_data(map_notify)
        return Ecm(inner, rtr_process=True, security=security).octets()


class Rtrs:
    """The RTRs that may relay, by the address they send from."""

    def __init__(self, rtrs: Iterable[Rtr]) -> None:
        self._by_address = {rtr.address: rtr for rtr in rtrs}

    def path(self, address: str, inner: InnerAddresses) -> RelayPath | None:
        """The way back through the RTR at an address; None where no such RTR is configured."""
        rtr = self._by_address.get(address)
        return None if rtr is None else RelayPath(rtr, inner)
