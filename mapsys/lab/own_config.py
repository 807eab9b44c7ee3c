"""Writes the configuration of a node of this project for its place in a topology."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mapsys.lab.daemon import write_config
from mapsys.lab.topology import End, Node, Site, Topology

KEY_ID: Final = 1
VISITOR_KEY_ID: Final = 2
ALGORITHM: Final = "hmac-sha-256-128"


def secret(site: str, key_id: int) -> str:
    """A site's shared secret in this lab, and the one it gave to a visitor."""
    return f"{site} key {key_id} of a laboratory"


def write(topology: Topology, node: Node, name: str, folder: Path) -> Path:
    """The file of one node, called ``name`` on this machine; returns its path."""
    return write_config(folder, _document(topology, node, name, folder / "state"))


def _document(topology: Topology, node: Node, name: str, state: Path) -> dict[str, Any]:
    document: dict[str, Any] = {
        "node": name,
        "state": str(state),
        "control": {"listen": [f"{node.rloc}:4342"]},
    }
    # Many questions come from one host here, and many about one prefix.
    unlimited = {"rate-limits": "off"}
    sites = topology.sites_at(node.name)
    if sites:
        document["map-server"] = unlimited
    if node.map_resolver:
        document["map-resolver"] = unlimited
    if sites:
        document["sites"] = [_site(site) for site in sites]
    document["alt"] = [_instance(topology, node, number) for number in topology.instances]
    return document


def _site(site: Site) -> dict[str, Any]:
    keys = [{"id": KEY_ID, "algorithm": ALGORITHM, "secret": secret(site.name, KEY_ID)}]
    if site.visitor is not None:
        given = secret(site.name, VISITOR_KEY_ID)
        keys.append(
            {"id": VISITOR_KEY_ID, "algorithm": ALGORITHM, "secret": given, "holder": site.visitor}
        )
    return {
        "name": site.name,
        "keys": keys,
        "eids": [
            {
                "prefix": site.prefix,
                "instance-id": site.instance_id,
                "accept-more-specifics": site.visitor is not None,
            }
        ],
    }


def _instance(topology: Topology, node: Node, instance_id: int) -> dict[str, Any]:
    return {
        "name": node.name,
        "instance-id": instance_id,
        "as": node.as_number,
        "router-id": node.router_id,
        "level": node.level,
        "blocks": node.blocks,
        "backup-blocks": node.backup_blocks,
        "backend": "userspace",
        "delegations": topology.delegations,
        "tunnels": [_tunnel(topology, end, instance_id) for end in topology.ends(node.name)],
    }


def _tunnel(topology: Topology, end: End, instance_id: int) -> dict[str, Any]:
    tunnel: dict[str, Any] = {
        "name": end.other.name,
        "remote": end.other.rloc,
        "local": end.own.rloc,
        "key": topology.key(end.number, instance_id),
        "inner": f"{end.inner}/31",
        "role": end.role,
        "peer-as": end.other.as_number,
        "hold-time": topology.hold_time,
        "graceful-restart": topology.graceful_restart,
    }
    if end.own.max_prefix is not None:
        tunnel["max-prefix"] = end.own.max_prefix
    return tunnel
