"""A whole network that runs: the ALT, tunnel routers with their hosts, proxy, outside, attacker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from hashlib import blake2s
from pathlib import Path
from typing import Any

from mapsys.lab.lab import Lab, running
from mapsys.lab.lisp_site import Host, LispSite
from mapsys.lab.network import add_address, add_route, set_sysctl
from mapsys.lab.own_config import KEY_ID, VISITOR_KEY_ID, secret
from mapsys.lab.whole_topology import Router, WholeTopology


class WholeLab:
    """Everything by name: ``alt``, ``routers``, ``hosts``; namespaces outside and attacker."""

    def __init__(self, topology: WholeTopology, alt: Lab) -> None:
        self.topology = topology
        self.alt = alt
        network = alt.network
        self.routers = {
            router.name: LispSite(network, self._folder(router.name), router.name, *router.rlocs)
            for router in topology.routers
        }
        for router in topology.routers:
            site = self.routers[router.name]
            site.add_lan(router.gateway, routes=("0.0.0.0/0",))
            for spare in router.spare:
                add_address(site.underlay, "eth0", f"{spare}/24")
            site.configure(self.config(router.name, *((rloc, 1, 100) for rloc in router.rlocs)))
        self.proxy = self._proxy()
        self.hosts = {}
        for place in topology.hosts:
            host = self.hosts[place.name] = Host(network, place.name, place.interface)
            self.connect(host, place.router)
        self.outside = network.add_host("outside", topology.outside)
        self.attacker = network.add_host("attacker", topology.attacker)
        for prefix in topology.proxy.routes:
            add_route(self.outside, prefix, "via", topology.proxy.rloc)

    def config(self, name: str, *locators: tuple[str, int, int]) -> dict[str, Any]:
        """A router's configuration with these locators: address, priority, weight."""
        router = self.topology.router(name)
        site = self.topology.site_of(router)
        server = self._map_server(site.at)
        return {
            "locators": [{"address": a, "priority": p, "weight": w} for a, p, w in locators],
            "eids": [{"prefix": site.prefix}],
            "map-servers": [{"address": server, "secret": secret(site.name, KEY_ID)}],
            "map-resolvers": [self._map_server(self.topology.resolver)],
            "proxy-reply": site.proxy_reply,
            # By it a router that comes back to an earlier address is still the same one.
            "xtr-id": blake2s(name.encode(), digest_size=16).hexdigest(),
            "use-petr": [self.topology.proxy.rloc],
            "visitors": self._visitors(router),
        }

    def connect(self, host: Host, router: str) -> None:
        """Plug a host in behind a router; it keeps the address and gateway it always had."""
        place = next(one for one in self.topology.hosts if one.name == host.name)
        home = self.topology.router(place.router)
        host.connect(self.routers[router].lan(), home.gateway.partition("/")[0])

    def start(self) -> None:
        """Returns when every router is registered. Raises LabError, CheckFailed."""
        sites = [*self.routers.values(), self.proxy]
        for site in sites:
            site.launch()
        for site in sites:
            site.wait_until_registered()

    def end(self) -> None:
        """End the routers; the ALT ends by itself."""
        for site in [*self.routers.values(), self.proxy]:
            site.end()

    def _visitors(self, router: Router) -> list[dict[str, Any]]:
        return [
            {
                "prefix": site.prefix,
                "map-server": self._map_server(site.at),
                "key-id": VISITOR_KEY_ID,
                "secret": secret(site.name, VISITOR_KEY_ID),
            }
            for site in self.topology.visits(router)
        ]

    def _proxy(self) -> LispSite:
        proxy = self.topology.proxy
        site = LispSite(self.alt.network, self._folder(proxy.name), proxy.name, proxy.rloc)
        set_sysctl(site.underlay, "ipv4/ip_forward", 1)
        resolver = self._map_server(self.topology.resolver)
        device = {"name": "lisp0", "routes": proxy.routes}
        site.configure(
            {"map-resolvers": [resolver], "pitr": True, "petr": True, "devices": [device]}
        )
        return site

    def _map_server(self, node: str) -> str:
        return self.topology.alt.node(node).rloc

    def _folder(self, name: str) -> Path:
        folder = self.alt.folder / name
        folder.mkdir()
        return folder


@contextlib.contextmanager
def whole(topology: WholeTopology) -> Iterator[WholeLab]:
    """The whole network, up; gone afterwards, whatever happens. Raises LabError, CheckFailed."""
    by_routers = frozenset(router.site for router in topology.routers)
    with running(topology.alt, without=by_routers) as alt:
        lab = WholeLab(topology, alt)
        try:
            lab.start()
            yield lab
        finally:
            lab.end()
