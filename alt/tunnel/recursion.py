"""Keeps tunnels from running through themselves.

One route to a tunnel's remote end through the tunnel turns one packet into a
storm. The overlay's own namespace prevents it; these two checks say so when
something tries.
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
    names = []
    for spec in specs:
        remote = ipaddress.ip_address(spec.remote)
        family = Family.IPV4 if remote.version == 4 else Family.IPV6
        host = EidPrefix(prefix.instance_id, family, int(remote), WIDTH_BITS[family])
        if prefix.covers(host):
            names.append(spec.name)
    return names


def packed_remotes(specs: Iterable[TunnelSpec]) -> frozenset[bytes]:
    """The packed remote ends: no packet of the overlay's own stack may go there."""
    return frozenset(ipaddress.ip_address(spec.remote).packed for spec in specs)
