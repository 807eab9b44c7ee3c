"""Map-Registers for the node's sites, made by the ETR of ``mapsys register``."""

from __future__ import annotations

import itertools
import time

from mapsys.core.effects import Effect, Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, EtrConfig, Transmit
from mapsys.wire.address import Address, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord
from tests.http.node import SECRET, Node

ETR = Endpoint("127.0.0.2", 4342)

_NONCES = itertools.count(1)


def records(
    *prefixes: str, rloc: str | Address = "127.0.0.2", ttl: int = 1440
) -> tuple[EidRecord, ...]:
    """EID-Records with one locator."""
    address = ip_address(rloc) if isinstance(rloc, str) else rloc
    locator = RlocRecord(address, 1, 100, 255, 0)
    found = []
    for text in prefixes:
        eid, mask_len = from_eid_prefix(EidPrefix.parse(text))
        found.append(EidRecord(ttl, eid, mask_len, (locator,)))
    return tuple(found)


def register(
    node: Node,
    *prefixes: str,
    secret: bytes = SECRET,
    proxy_map_reply: bool = True,
    algorithm_id: int = 2,
    xtr_id: bytes | None = None,
    rloc: str | Address = "127.0.0.2",
    ttl: int = 1440,
) -> list[Effect]:
    """Register at the node; what the engine did."""
    config = EtrConfig(
        map_server=node.endpoint,
        records=records(*prefixes, rloc=rloc, ttl=ttl),
        key=Key(secret),
        key_id=1,
        algorithm_id=algorithm_id,
        xtr_id=xtr_id,
        site_id=None if xtr_id is None else bytes(8),
        proxy_map_reply=proxy_map_reply,
    )
    sent = Etr(config, lambda: next(_NONCES)).start(time.monotonic())
    return [
        effect
        for one in sent
        if isinstance(one, Transmit)
        for effect in node.receive(one.data, ETR)
    ]


def withdraw(node: Node, *prefixes: str) -> list[Effect]:
    """Withdraw at the node what was registered (record TTL 0)."""
    return register(node, *prefixes, ttl=0)
