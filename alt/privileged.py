"""Everything the data plane does that takes a privilege; ``alt.helper`` runs it apart.

What comes back are descriptors, which need no privilege to be used.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Final, Protocol

from alt.netns import Owner, make_overlay, remove_overlay
from alt.tunnel.base import TunnelError, TunnelSpec
from alt.tunnel.capture import open_capture
from alt.tunnel.device import bring_up, device_name
from alt.tunnel.gre_link import make_gre_link, remove_gre_link
from alt.tunnel.raw import open_raw_gre
from alt.tunnel.tun import open_tun

_ADVICE: Final = {
    errno.EPERM: "it takes root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN",
    errno.EACCES: "it takes root, or write access to /dev/net/tun and CAP_NET_ADMIN",
    errno.ENOENT: "load the module tun, or let the container have /dev/net/tun",
    errno.EOPNOTSUPP: "the kernel has no ip_gre; load it, or use backend userspace",
    errno.EBUSY: "another process holds it",
    errno.EEXIST: "another tunnel has this address, or a device this name",
}


class Privileges(Protocol):
    """What a node asks of its helper, for one overlay. Everything raises TunnelError."""

    @property
    def overlay(self) -> str:
        """The overlay's network namespace, by name."""

    def tun(self, spec: TunnelSpec) -> int:
        """The overlay side of a userspace tunnel, up; a non-blocking descriptor."""

    def gre_link(self, spec: TunnelSpec) -> socket.socket:
        """A tunnel of the kernel's own, up; a packet socket for its Map-Requests."""

    def remove_gre_link(self, name: str) -> None:
        """Take a tunnel of the kernel's own away, by the tunnel's name."""


def raw_gre(version: int) -> socket.socket:
    """The underlay side of userspace tunnels of one outer IP version, 4 or 6.

    Raises TunnelError.
    """
    try:
        return open_raw_gre(version)
    except OSError as error:
        raise _explained(f"a raw socket for GRE over IPv{version}", error) from error


class OverlayPrivileges:
    """Privileges by doing it in this process, which has the capabilities.

    Not from inside an event loop: the netlink library runs one of its own.
    """

    def __init__(self, overlay: str) -> None:
        """Makes the overlay. Raises TunnelError."""
        make_overlay(overlay)
        self.overlay: Final = overlay

    def remove(self) -> None:
        """Take the overlay away, devices and all."""
        remove_overlay(self.overlay)

    def tun(self, spec: TunnelSpec) -> int:
        device = device_name(self.overlay, spec.name)
        what = f"tunnel {spec.name}: the TUN device {device}"
        try:
            descriptor = open_tun(self.overlay, device)
        except OSError as error:
            raise _explained(what, error) from error
        try:
            bring_up(self.overlay, device, spec, Owner.current().mark())
        except OSError as error:
            os.close(descriptor)
            raise _explained(what, error) from error
        return descriptor

    def gre_link(self, spec: TunnelSpec) -> socket.socket:
        device = device_name(self.overlay, spec.name)
        what = f"tunnel {spec.name}: the GRE device {device}"
        try:
            make_gre_link(spec, device, self.overlay)
        except OSError as error:
            raise _explained(what, error) from error
        try:
            bring_up(self.overlay, device, spec, Owner.current().mark())
            return open_capture(self.overlay, device)
        except OSError as error:
            remove_gre_link(device, self.overlay)
            raise _explained(what, error) from error

    def remove_gre_link(self, name: str) -> None:
        device = device_name(self.overlay, name)
        try:
            remove_gre_link(device, self.overlay)
        except OSError as error:
            raise _explained(f"tunnel {name}: the GRE device {device}", error) from error


def _explained(what: str, error: OSError) -> TunnelError:
    """The one sentence for the operator: what failed, why, and what to do."""
    advice = _ADVICE.get(error.errno or 0, "see the kernel's log")
    return TunnelError(f"{what} cannot be opened: {error.strerror or error}; {advice}")
