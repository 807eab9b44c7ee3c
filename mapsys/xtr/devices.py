"""TUN devices of a tunnel router, with their addresses and routes; host routes as hosts move."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

from alt.netns import inside
from alt.tunnel.netlink import routes_of
from alt.tunnel.tun import open_tun
from mapsys.eid import EidPrefix, Family
from mapsys.record_view import plain_text
from mapsys.start_error import StartError
from mapsys.xtr.effects import HostRoute, Towards
from mapsys.xtr.settings import DeviceSettings

_NO_SUCH_ROUTE: Final = 3
"""ESRCH, which the kernel says where there is none to remove."""


class Device:
    """One TUN device. descriptor: non-blocking; reads what the site sends into it."""

    def __init__(self, settings: DeviceSettings, mtu: int) -> None:
        """Makes it and sets it up. Raises StartError."""
        self.settings = settings
        try:
            self.descriptor = open_tun(settings.namespace, settings.name)
        except OSError as error:
            raise StartError(
                f"the TUN device {settings.name} cannot be made: {error.strerror};"
                " it takes root, or CAP_NET_ADMIN and /dev/net/tun; and a namespace that it"
                " is put into has to be there"
            ) from error
        try:
            self._set_up(mtu)
        except OSError as error:
            self.close()
            raise StartError(
                f"the TUN device {settings.name} cannot be set up: {error.strerror};"
                " compare addresses: and routes: with what the namespace has already"
            ) from error

    def close(self) -> None:
        """Take the device away, and with it its routes."""
        os.close(self.descriptor)

    def route(self, change: HostRoute) -> None:
        """Lead a host's packets another way. Raises OSError."""
        settings = self.settings
        # Not by the library's own way into a namespace: that is a process it terminates, whose
        # signal a loop that handles signals would take for its own.
        with self._inside(), routes_of() as routes:
            target = plain_text(change.eid)
            if change.towards is Towards.TUNNEL:
                self._lead(routes, target, settings.name)
            elif settings.site_device is not None:
                self._lead(routes, target, settings.site_device)
            else:
                self._unlead(routes, target)

    def _set_up(self, mtu: int) -> None:
        settings = self.settings
        with routes_of(settings.namespace) as routes:
            index = routes.link_lookup(ifname=settings.name)[0]
            # Larger than the tunnel carries: what does not fit is the router's to answer.
            routes.link("set", index=index, mtu=mtu, state="up")
            for text in settings.addresses:
                interface = ipaddress.ip_interface(text)
                routes.addr(
                    "add",
                    index=index,
                    address=str(interface.ip),
                    prefixlen=interface.network.prefixlen,
                )
            for prefix in settings.routes:
                self._lead(routes, str(prefix), settings.name)
        # What the router itself says to a host comes from one of these addresses.
        with self._inside():
            path = Path("/proc/sys/net/ipv4/conf", settings.name, "accept_local")
            path.write_text("1\n", encoding="ascii")

    def _inside(self) -> AbstractContextManager[None]:
        namespace = self.settings.namespace
        return nullcontext() if namespace is None else inside(namespace)

    @staticmethod
    def _lead(routes: Any, target: str, device: str) -> None:
        index = routes.link_lookup(ifname=device)[0]
        routes.route("replace", dst=target, oif=index, family=_family(target))

    @staticmethod
    def _unlead(routes: Any, target: str) -> None:
        try:
            routes.route("del", dst=target, family=_family(target))
        except OSError as error:
            if error.errno != _NO_SUCH_ROUTE:
                raise


def device_of(devices: list[Device], eid: EidPrefix) -> Device | None:
    """The device of an IP prefix's instance-ID."""
    if eid.family not in (Family.IPV4, Family.IPV6):
        return None
    return next((d for d in devices if d.settings.instance_id == eid.instance_id), None)


def _family(target: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in target else socket.AF_INET
