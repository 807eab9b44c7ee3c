"""What every tunnel device of an overlay gets: its name, its addresses, up."""

from __future__ import annotations

import ipaddress
import re
from hashlib import blake2s

from alt.tunnel.base import TunnelSpec
from alt.tunnel.netlink import routes_of


def device_name(overlay: str, tunnel: str) -> str:
    """The device of a tunnel: the same at each start, at most 15 characters.

    It begins as the tunnel's name does; what follows tells apart what begins
    alike, tunnels of other overlays included.
    """
    digest = blake2s(f"{overlay}/{tunnel}".encode(), digest_size=4).hexdigest()
    return f"{re.sub('[^A-Za-z0-9]', '', tunnel)[:6]}-{digest}"


def bring_up(overlay: str, device: str, spec: TunnelSpec, alias: str) -> None:
    """Name the owner on the device, set MTU and addresses, and set it up. Raises OSError.

    alias: the owner's mark.
    """
    with routes_of(overlay) as routes:
        index = routes.link_lookup(ifname=device)[0]
        routes.link("set", index=index, ifalias=alias, mtu=spec.inner_mtu)
        for text in (spec.inner4, spec.inner6):
            if text is not None:
                inner = ipaddress.ip_interface(text)
                routes.addr(
                    "add", index=index, address=str(inner.ip), prefixlen=inner.network.prefixlen
                )
        routes.link("set", index=index, state="up")
