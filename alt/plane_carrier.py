"""Carries out what the data plane asks for: joins a tunnel backend to an AltPlane.

This is the imperative half; every decision is the plane's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alt.effects import FibChange
from alt.fib import Fib
from alt.plane import AltPlane
from alt.plane_effects import (
    Deliver,
    DropCounted,
    Forward,
    PlaneEffect,
    SendNegative,
    ToStack,
)
from alt.tunnel.base import Receive, TunnelBackend, TunnelSpec
from alt.tunnel.recursion import covered_remotes, remote_host
from mapsys.eid import EidPrefix


@dataclass(slots=True)
class PlaneCounters:
    """Totals since start.

    dropped: by (tunnel, reason); the tunnel is "" for this node's own requests.
    """

    forwarded: int = 0
    delivered: int = 0
    negative: int = 0
    to_stack: int = 0
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)


class PlaneCarrier:
    """One ALT instance at work.

    make_backend: makes the tunnels, given who takes what they receive.
    clock: seconds, monotonic, the one the plane's times are of.
    on_deliver, on_negative: take what leaves the ALT here.
    on_recursion: told of each EID route that covers a tunnel's remote end, with
    the names of those tunnels.
    """

    def __init__(
        self,
        plane: AltPlane,
        fib: Fib,
        make_backend: Callable[[Receive], TunnelBackend],
        *,
        clock: Callable[[], float],
        on_deliver: Callable[[Deliver], None],
        on_negative: Callable[[SendNegative], None],
        on_recursion: Callable[[EidPrefix, list[str]], None],
    ) -> None:
        self._plane = plane
        self._fib = fib
        self._clock = clock
        self._on_deliver = on_deliver
        self._on_negative = on_negative
        self._on_recursion = on_recursion
        self.backend = make_backend(self.receive)
        self._specs: dict[str, TunnelSpec] = {}
        self.counters = PlaneCounters()

    @property
    def specs(self) -> Mapping[str, TunnelSpec]:
        """The tunnels that are up, by name."""
        return self._specs

    def open(self, spec: TunnelSpec) -> None:
        """Bring a tunnel up. Raises TunnelError."""
        self.backend.open(spec)
        self._specs[spec.name] = spec
        self._tell_own_addresses()
        for prefix in self._fib.covering(remote_host(spec, self._fib.instance_id)):
            self._report_recursion(prefix, [spec])

    def close(self, name: str) -> None:
        """Take a tunnel down. Raises KeyError where there is none of this name."""
        del self._specs[name]
        self.backend.close(name)
        self._tell_own_addresses()

    def change_route(self, change: FibChange) -> None:
        """Apply a change of the control plane's; report it where it invites recursion."""
        if change.target is not None:
            self._report_recursion(change.prefix, self._specs.values())
        self._fib.apply(change)

    def receive(self, tunnel: str, packet: bytes) -> None:
        """Take an inner packet from the backend."""
        self._carry_out(self._plane.packet(tunnel, packet, self._clock()))

    def inject(self, packet: bytes) -> None:
        """Take a Map-Request from this node's own Map-Resolver."""
        self._carry_out(self._plane.inject(packet, self._clock()))

    def _carry_out(self, effects: list[PlaneEffect]) -> None:
        counters = self.counters
        for effect in effects:
            match effect:
                case Forward(tunnel, packet):
                    counters.forwarded += 1
                    self.backend.send(tunnel, packet)
                case Deliver():
                    counters.delivered += 1
                    self._on_deliver(effect)
                case DropCounted(tunnel, reason):
                    counters.dropped[tunnel or "", reason] += 1
                case ToStack(tunnel, packet):
                    counters.to_stack += 1
                    self.backend.to_stack(tunnel, packet)
                case SendNegative():
                    counters.negative += 1
                    self._on_negative(effect)

    def _report_recursion(self, prefix: EidPrefix, specs: Iterable[TunnelSpec]) -> None:
        covered = covered_remotes(prefix, specs)
        if covered:
            self._on_recursion(prefix, covered)

    def _tell_own_addresses(self) -> None:
        self._plane.own_addresses(
            address for spec in self._specs.values() for address in spec.own_addresses
        )
