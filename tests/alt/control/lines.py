"""Lines as ExaBGP 5.0.15 wrote them, with the neighbour's address put in."""

from __future__ import annotations

import json
from typing import Any


def neighbor(peer: str, **more: Any) -> dict[str, Any]:
    return {
        "address": {"local": "10.255.0.12", "peer": peer},
        "asn": {"local": 65101, "peer": 65201},
        "router-id": "10.254.0.1",
        **more,
    }


def line(kind: str, peer: str, counter: int = 0, **more: Any) -> str:
    return json.dumps(
        {
            "exabgp": "5.0.0",
            "time": 1795528113.26,
            "host": "vm",
            "pid": 15366,
            "ppid": 15348,
            "counter": counter,
            "type": kind,
            "neighbor": neighbor(peer, **more),
        }
    )


def opened(peer: str) -> str:
    capabilities = {
        "1": {"name": "multiprotocol", "families": ["ipv4/unicast", "ipv6/unicast"]},
        "65": {"name": "asn4", "asn4": 65201},
        "64": {
            "name": "graceful restart",
            "time": 60,
            "address-family-flags": {"ipv4/unicast": ["restart"], "ipv6/unicast": []},
            "restart-flags": ["forwarding"],
        },
        "2": {"name": "route-refresh", "variant": "RFC"},
    }
    body = {
        "version": 4,
        "asn": 65201,
        "hold_time": 9,
        "router_id": "10.254.0.11",
        "capabilities": capabilities,
    }
    return line("open", peer, direction="receive", open=body)


def up(peer: str) -> str:
    return line("state", peer, state="up")


def down(peer: str, reason: str) -> str:
    return line("state", peer, state="down", reason=reason)


def update(peer: str, message: dict[str, Any], counter: int = 0) -> str:
    return line("update", peer, counter, direction="receive", message=message)


def announcing(peer: str, *prefixes: str, path: tuple[int, ...] = (65201,)) -> str:
    attribute = {
        "origin": "igp",
        "as-path": {"0": {"element": "as-sequence", "value": list(path)}},
        "community": [[64512, 6836]],
    }
    nlri = [{"nlri": prefix} for prefix in prefixes]
    announce = {"ipv4 unicast": {peer: nlri}}
    return update(peer, {"update": {"attribute": attribute, "announce": announce}})
