"""Finds routes that would lead tunnels through themselves.

One route to a tunnel's remote end through the tunnel turns one packet into a
storm. The overlay's own namespace prevents it; this says so when something tries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from alt.tunnel.base import TunnelSpec
from mapsys.eid import WIDTH_BITS, EidPrefix, Family


def covered_remotes(prefix: EidPrefix, specs: Iterable[TunnelSpec]) -> list[str]:
    """Names of the tunnels whose remote end is inside an EID-Prefix.

    A default route covers everything and means nothing by it: it is never reported.
    """
    if prefix.length == 0:
        return []
    return [spec.name for spec in specs if prefix.covers(remote_host(spec, prefix.instance_id))]


def remote_host(spec: TunnelSpec, instance_id: int) -> EidPrefix:
    """A tunnel's remote end as if it were an EID."""
    remote = ipaddress.ip_address(spec.remote)
    family = Family.IPV4 if remote.version == 4 else Family.IPV6
    return EidPrefix(instance_id, family, int(remote), WIDTH_BITS[family])
