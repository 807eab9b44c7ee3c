"""The kernel's own GRE devices: the netlink messages that make, mark, move and remove them.

A device is made in the underlay's namespace and then moved: its outer side stays
where it was made, its inner side goes to the overlay.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from pyroute2.netlink import (  # type: ignore[import-untyped]
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REQUEST,
)
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_NEWLINK  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]

from alt.gre import CHECKSUM_PRESENT, KEY_PRESENT, SEQUENCE_PRESENT
from alt.netns import Owner, inside
from alt.tunnel.base import TunnelSpec
from alt.tunnel.netlink import request, routes_of

MAKE_FLAGS: Final[int] = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
CHANGE_FLAGS: Final[int] = NLM_F_REQUEST | NLM_F_ACK
OUTER_TTL: Final = 64

_NO_ENCAPSULATION_LIMIT: Final = 0x01
"""An ip6gre device then sends no destination options in front of GRE (RFC 7676, 3)."""


def make_message(spec: TunnelSpec, device: str) -> Any:
    """RTM_NEWLINK for a ``gre`` or ``ip6gre`` device.

    Outer DF off, whatever the inner packet says (RFC 6836, 5.3).
    """
    flags = (
        (CHECKSUM_PRESENT if spec.checksum else 0)
        | (KEY_PRESENT if spec.key is not None else 0)
        | (SEQUENCE_PRESENT if spec.sequence else 0)
    )
    if spec.outer_version == 4:
        kind, prefix = "gre", "IFLA_GRE_"
        last = [("PMTUDISC", 0), ("IGNORE_DF", 1)]
    else:
        kind, prefix = "ip6gre", "IFLA_IP6GRE_"
        last = [("FLAGS", _NO_ENCAPSULATION_LIMIT)]
        # The kernel wants network order; only for gre does the encoder see to it.
        flags = socket.htons(flags)
    data: list[tuple[str, object]] = [("IFLAGS", flags), ("OFLAGS", flags)]
    if spec.key is not None:
        data += [("IKEY", spec.key), ("OKEY", spec.key)]
    if spec.local is not None:
        data.append(("LOCAL", spec.local))
    data += [("REMOTE", spec.remote), ("TTL", OUTER_TTL), *last]
    attributes = [(prefix + name, value) for name, value in data]
    message = ifinfmsg()
    message["attrs"] = [
        ("IFLA_IFNAME", device),
        ("IFLA_MTU", spec.inner_mtu),
        (
            "IFLA_LINKINFO",
            {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": attributes})]},
        ),
    ]
    return message


def mark_message(device: str, mark: str) -> Any:
    """RTM_NEWLINK that writes the owner's mark on a device."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", device), ("IFLA_IFALIAS", mark)]
    return message


def remove_message(device: str) -> Any:
    """RTM_DELLINK."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", device)]
    return message


def make_gre_link(spec: TunnelSpec, device: str, overlay: str) -> None:
    """Make the device and move it to the overlay, where it is still down. Raises OSError.

    A device that a killed run left in the underlay under this name is replaced.
    """
    try:
        request(make_message(spec, device), RTM_NEWLINK, MAKE_FLAGS)
    except FileExistsError:
        if not _is_leftover(device):
            raise
        request(remove_message(device), RTM_DELLINK, CHANGE_FLAGS)
        request(make_message(spec, device), RTM_NEWLINK, MAKE_FLAGS)
    request(mark_message(device, Owner.current().mark()), RTM_NEWLINK, CHANGE_FLAGS)
    with routes_of() as routes:
        routes.link("set", index=routes.link_lookup(ifname=device)[0], net_ns_fd=overlay)


def remove_gre_link(device: str, overlay: str) -> None:
    """Remove the device from the overlay. Raises OSError."""
    with inside(overlay):
        request(remove_message(device), RTM_DELLINK, CHANGE_FLAGS)


def probe_gre_link(device: str) -> None:
    """Raises OSError where the kernel makes no GRE devices; leaves none behind."""
    spec = TunnelSpec("probe", "127.0.0.1", "127.0.0.2", inner4="169.254.0.0/31")
    request(make_message(spec, device), RTM_NEWLINK, MAKE_FLAGS)
    request(remove_message(device), RTM_DELLINK, CHANGE_FLAGS)


def _is_leftover(device: str) -> bool:
    with routes_of() as routes:
        for index in routes.link_lookup(ifname=device):
            owner = Owner.read(routes.get_links(index)[0].get("ifalias"))
            return owner is not None and not owner.alive()
    return False
