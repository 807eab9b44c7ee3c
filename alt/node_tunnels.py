"""The tunnels of a running instance: opened, exchanged and closed as its configuration says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from alt.model import AltConfig, Tunnel
from alt.plane_carrier import PlaneCarrier
from alt.tunnel.base import TunnelError, TunnelSpec


def tunnel_specs(config: AltConfig) -> dict[str, TunnelSpec]:
    """What the tunnel backend needs, by name."""
    return {tunnel.name: _spec(tunnel) for tunnel in config.tunnels}


def open_tunnels(carrier: PlaneCarrier, specs: Iterable[TunnelSpec]) -> None:
    """Raises TunnelError, with none of them open."""
    opened: list[str] = []
    try:
        for spec in specs:
            carrier.open(spec)
            opened.append(spec.name)
    except TunnelError:
        close_tunnels(carrier, opened)
        raise


def exchange_tunnels(
    carrier: PlaneCarrier, old: Mapping[str, TunnelSpec], new: Mapping[str, TunnelSpec]
) -> None:
    """Open anew the tunnels whose settings differ. Raises TunnelError, nothing changed."""
    exchanged: list[str] = []
    try:
        for name in old.keys() & new.keys():
            if old[name] != new[name]:
                carrier.close(name)
                exchanged.append(name)
                carrier.open(new[name])
    except TunnelError:
        for name in exchanged:
            with contextlib.suppress(KeyError):  # the one that could not be opened
                carrier.close(name)
            carrier.open(old[name])
        raise


def close_tunnels(carrier: PlaneCarrier, names: Iterable[str]) -> None:
    """Close tunnels that are open."""
    for name in names:
        carrier.close(name)


def _spec(tunnel: Tunnel) -> TunnelSpec:
    return TunnelSpec(
        name=tunnel.name,
        local=tunnel.local,
        remote=tunnel.remote,
        key=tunnel.key,
        mtu=tunnel.mtu,
        inner4=None if tunnel.inner is None else str(tunnel.inner),
        inner6=None if tunnel.inner6 is None else str(tunnel.inner6),
        checksum=tunnel.checksum,
        sequence=tunnel.sequence,
    )
