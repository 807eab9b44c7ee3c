"""A LISP site of the lab: its tunnel router, its networks, its hosts."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.network import (
    Network,
    add_address,
    add_bridge,
    add_route,
    plug,
    set_sysctl,
    unplug,
)
from mapsys.lab.programs import Running
from mapsys.lab.waiting import wait_for
from mapsys.xtr.orders import ordered

LAN: Final = "lan0"
TUNNEL: Final = "lisp0"

_ADDRESS_MODE: Final = "ipv6/conf/default/addr_gen_mode"
_LINK_LOCAL: Final = 0
"""A router asks for its neighbours from a link-local address, and has none otherwise."""


class LispSite:
    """One tunnel router in a namespace of the underlay, with a namespace for each instance-ID.

    devices: grows with :meth:`add_lan`, and is what the configuration says of them.
    """

    def __init__(self, network: Network, folder: Path, name: str, *rlocs: str) -> None:
        """folder: there already; the router's files go there."""
        self.name = name
        self.rlocs = rlocs
        self.underlay = network.add_host(name, *rlocs)
        self.devices: list[dict[str, Any]] = []
        self._network = network
        self._folder = folder
        self._router: Running | None = None
        self._lans: dict[int, str] = {}

    def add_lan(self, *gateways: str, routes: tuple[str, ...], instance_id: int = 0) -> str:
        """The inside of the site in one instance-ID; returns its namespace.

        gateways: the router's addresses there, with their lengths. routes: what leads
        into the tunnel.
        """
        namespace = self._network.add_namespace(f"s-{self.name}-{instance_id}")
        self._lans[instance_id] = namespace
        set_sysctl(namespace, _ADDRESS_MODE, _LINK_LOCAL)
        add_bridge(namespace, LAN)
        for gateway in gateways:
            add_address(namespace, LAN, gateway)
        set_sysctl(namespace, "ipv4/ip_forward", 1)
        set_sysctl(namespace, "ipv6/conf/all/forwarding", 1)
        # Hosts that left are answered for, so that their neighbours send to the router.
        set_sysctl(namespace, f"ipv4/conf/{LAN}/proxy_arp", 1)
        set_sysctl(namespace, f"ipv4/neigh/{LAN}/proxy_delay", 0)
        hosts = [gateway.partition("/")[0] for gateway in gateways]
        self.devices.append(
            {
                "name": TUNNEL,
                "instance-id": instance_id,
                "namespace": namespace,
                "addresses": [f"{host}/{128 if ':' in host else 32}" for host in hosts],
                "routes": list(routes),
                "site-device": LAN,
            }
        )
        return namespace

    def lan(self, instance_id: int = 0) -> str:
        """The namespace of one instance-ID."""
        return self._lans[instance_id]

    def configure(self, document: dict[str, Any]) -> None:
        """Write the configuration: what is given, with what follows from the lab."""
        whole = {
            "name": self.name,
            "state": str(self._folder / "nonce"),
            "status-socket": str(self._socket),
            "locators": [{"address": rloc} for rloc in self.rlocs],
            "devices": self.devices,
            "probe-interval": "1s",
            **document,
        }
        self._config.write_text(json.dumps(whole, indent=1), encoding="utf-8")

    def launch(self) -> None:
        """Start the router, and do not wait."""
        command = [sys.executable, "-m", "mapsys.cli.main", "xtr", "-c", str(self._config)]
        self._router = Running(self.underlay, command, self._folder / "xtr.log")

    def wait_until_registered(self) -> None:
        """Until every Map-Server has acknowledged. Raises LabError, CheckFailed."""
        wait_for(self._is_registered, f"{self.name} to be registered", found=self.log)

    def reload(self) -> None:
        """Have the router read its configuration again."""
        assert self._router is not None
        os.kill(self._router.pid, signal.SIGHUP)

    def status(self) -> dict[str, Any]:
        """How the router is. Raises CheckFailed where it does not answer."""
        return self._asked({"order": "status"})

    def order(self, what: str, eid: str, instance_id: int = 0) -> None:
        """Tell the router that a host "arrived" or "left". Raises CheckFailed."""
        self._asked({"order": what, "eid": eid, "instance_id": instance_id})

    def log(self) -> str:
        """The end of what the router told."""
        return "nothing" if self._router is None else self._router.last_words()

    def kill(self) -> None:
        """End the router without a word."""
        if self._router is not None:
            self._router.kill()

    def end(self) -> None:
        """See to it that the router has ended."""
        if self._router is not None:
            self._router.end()

    @property
    def _config(self) -> Path:
        return self._folder / "xtr.yaml"

    @property
    def _socket(self) -> Path:
        return self._folder / "xtr.sock"

    def _asked(self, order: dict[str, Any]) -> dict[str, Any]:
        try:
            said = ordered(self._socket, order)
        except (OSError, ValueError) as error:
            raise CheckFailed(f"{self.name} does not answer: {error}; {self.log()}") from error
        if "error" in said:
            raise CheckFailed(f"{self.name}: {said['error']}")
        return said

    def _is_registered(self) -> bool:
        assert self._router is not None
        self._router.require_running()
        return self._socket.exists() and bool(self.status()["registered"])


class Host:
    """A host, which may be a virtual machine: it keeps its namespace wherever it is plugged in."""

    def __init__(self, network: Network, name: str, *interfaces: str) -> None:
        """interfaces: its addresses with their lengths."""
        self.name = name
        self.interfaces = interfaces
        self.namespace = network.add_namespace(f"h-{name}")
        set_sysctl(self.namespace, _ADDRESS_MODE, _LINK_LOCAL)
        self._is_plugged = False

    @property
    def address(self) -> str:
        """Its first address."""
        return self.interfaces[0].partition("/")[0]

    def connect(self, lan: str, *gateways: str) -> None:
        """Plug it into a site's namespace; the rest of the world is behind the gateways."""
        if self._is_plugged:
            unplug(self.namespace)
        self._is_plugged = True
        plug(lan, LAN, f"to-{self.name}"[:15], self.namespace)
        for interface in self.interfaces:
            add_address(self.namespace, "eth0", interface)
        for gateway in gateways:
            add_route(self.namespace, "default", "via", gateway)
