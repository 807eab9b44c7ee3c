"""Two sites, a proxy and a host outside LISP around one Map-Server, in network namespaces."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mapsys.lab.capture import Capture
from mapsys.lab.daemon import Daemon, write_config
from mapsys.lab.leftovers import folder_of, reap
from mapsys.lab.lisp_site import Host, LispSite
from mapsys.lab.network import Network, add_route, set_sysctl

SERVER: Final = "192.0.2.1"
PROXY: Final = "192.0.2.5"
OUTSIDE: Final = "192.0.2.200"
ALPHA_RLOC: Final = "192.0.2.11"
ALPHA_OTHER_RLOC: Final = "192.0.2.13"
BETA_RLOC: Final = "192.0.2.12"
BETA_RLOC_IPV6: Final = "2001:db8:f::12"
PRIVATE_INSTANCES: Final = (100, 200)
VISITOR_KEY_ID: Final = 2


class LispNetwork:
    """Everything, by name. Sites alpha and beta, their hosts, the VM at home in alpha."""

    def __init__(self) -> None:
        self.network = Network()
        self.folder = folder_of(self.network.tag)
        self.folder.mkdir(mode=0o711)
        self.capture = Capture(self.network, self.folder)
        self.server = self._server()
        self.alpha = self._site("alpha", ALPHA_RLOC, ALPHA_OTHER_RLOC)
        self.beta = self._site("beta", BETA_RLOC, BETA_RLOC_IPV6)
        self.proxy = self._site("proxy", PROXY)
        for site, number in ((self.alpha, 1), (self.beta, 2)):
            gateways = (f"198.18.{number}.1/24", f"2001:db8:e00{number}::1/64")
            site.add_lan(*gateways, routes=("0.0.0.0/0", "2001:db8:e000::/36"))
            for instance_id in PRIVATE_INSTANCES:
                site.add_lan(
                    f"192.168.{number}.1/24", routes=("0.0.0.0/0",), instance_id=instance_id
                )
        self.host_a = self._host("a", self.alpha, 0, "198.18.1.10/24", "2001:db8:e001::10/64")
        self.host_b = self._host("b", self.beta, 0, "198.18.2.10/24", "2001:db8:e002::10/64")
        self.vm = self._host("vm", self.alpha, 0, "198.18.1.7/24")
        self.private = {
            (site.name, instance_id): self._host(
                f"{site.name}{instance_id}", site, instance_id, f"192.168.{number}.10/24"
            )
            for site, number in ((self.alpha, 1), (self.beta, 2))
            for instance_id in PRIVATE_INSTANCES
        }
        self.outside = self.network.add_host("outside", OUTSIDE)
        add_route(self.outside, "198.18.0.0/15", "via", PROXY)
        self.alpha.configure(self.alpha_config((ALPHA_RLOC, 1, 100)))
        self.beta.configure(self._beta_config())
        self._configure_proxy()

    def start(self) -> None:
        """Returns when all are registered. Raises LabError, CheckFailed."""
        self.server.launch()
        self.server.wait_until_serving()
        for site in (self.alpha, self.beta, self.proxy):
            site.launch()
        for site in (self.alpha, self.beta, self.proxy):
            site.wait_until_registered()

    def alpha_config(self, *locators: tuple[str, int, int]) -> dict[str, Any]:
        """Alpha's router with these locators, each with priority and weight."""
        return {
            "locators": [{"address": a, "priority": p, "weight": w} for a, p, w in locators],
            "eids": _eids(1),
            "map-servers": [{"address": SERVER, "secret": _secret("alpha", 1)}],
            "map-resolvers": [SERVER],
            "use-petr": [PROXY],
        }

    def connect_vm(self, site: LispSite) -> None:
        """Move the VM into a site. It keeps its address, and the gateway it always had."""
        self.vm.connect(site.lan(), "198.18.1.1")

    def end(self) -> list[str]:
        """End everything in order; returns what is left all the same."""
        for site in (self.alpha, self.beta, self.proxy):
            site.end()
        self.server.end()
        self.capture.end()
        return self.network.left_behind()

    def _server(self) -> Daemon:
        namespace = self.network.add_host("server", SERVER)
        folder = self._folder("server")
        unlimited = {"rate-limits": "off"}
        document = {
            "node": "server",
            "state": str(folder / "state"),
            "control": {"listen": [f"{SERVER}:4342"]},
            "map-server": unlimited,
            "map-resolver": {},
            "sites": [_registered_site("alpha", 1, "beta"), _registered_site("beta", 2, None)],
        }
        return Daemon("server", namespace, write_config(folder, document), folder / "state")

    def _beta_config(self) -> dict[str, Any]:
        visitor = {
            "prefix": "198.18.1.0/24",
            "map-server": SERVER,
            "key-id": VISITOR_KEY_ID,
            "secret": _secret("alpha", VISITOR_KEY_ID),
        }
        return {
            "eids": _eids(2),
            "map-servers": [{"address": SERVER, "secret": _secret("beta", 1)}],
            "map-resolvers": [SERVER],
            "visitors": [visitor],
            "proxy-reply": True,
            "use-petr": [PROXY],
        }

    def _configure_proxy(self) -> None:
        set_sysctl(self.proxy.underlay, "ipv4/ip_forward", 1)
        device = {"name": "lisp0", "routes": ["198.18.0.0/15"]}
        self.proxy.configure(
            {"map-resolvers": [SERVER], "pitr": True, "petr": True, "devices": [device]}
        )

    def _site(self, name: str, *rlocs: str) -> LispSite:
        return LispSite(self.network, self._folder(name), name, *rlocs)

    def _host(self, name: str, site: LispSite, instance_id: int, *interfaces: str) -> Host:
        host = Host(self.network, name, *interfaces)
        networks = (interface.rpartition("10")[0] for interface in interfaces)
        gateways = [f"{network}1" for network in networks] if name != "vm" else ["198.18.1.1"]
        host.connect(site.lan(instance_id), *gateways)
        return host

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder


def _secret(site: str, key_id: int) -> str:
    return f"{site} key {key_id} of a laboratory"


def _eids(number: int) -> list[dict[str, Any]]:
    private = [
        {"prefix": f"192.168.{number}.0/24", "instance-id": one} for one in PRIVATE_INSTANCES
    ]
    return [
        {"prefix": f"198.18.{number}.0/24"},
        {"prefix": f"2001:db8:e00{number}::/48"},
        *private,
    ]


def _registered_site(name: str, number: int, visitor: str | None) -> dict[str, Any]:
    keys = [{"id": 1, "secret": _secret(name, 1)}]
    if visitor is not None:
        secret = _secret(name, VISITOR_KEY_ID)
        keys.append({"id": VISITOR_KEY_ID, "secret": secret, "holder": visitor})
    return {
        "name": name,
        "keys": keys,
        "eids": [{**eid, "accept-more-specifics": visitor is not None} for eid in _eids(number)],
    }


@contextlib.contextmanager
def lisp_network() -> Iterator[LispNetwork]:
    """A running network that is gone afterwards, whatever happens."""
    reap()
    made = LispNetwork()
    try:
        made.start()
        yield made
    finally:
        try:
            made.end()
        finally:
            made.network.close()
            shutil.rmtree(made.folder, ignore_errors=True)
