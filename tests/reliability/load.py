"""What the figures are measured with: one socket that registers and asks with many under way."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mapsys.core.changes import REGISTRATION_LIFETIME_SECONDS
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.wire.address import Ipv4, Ipv6, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord
from tests.daemon.node import KEY, Node, config_text

UNDER_WAY = 64


def configure(
    node: Node,
    sites: tuple[tuple[str, str], ...],
    replay: str = "auto",
    lifetime_seconds: int = REGISTRATION_LIFETIME_SECONDS,
) -> None:
    """Write the node's configuration, with its budgets as they are by default."""
    text = config_text(node.state, (node.address,), sites)
    server = f"{{replay: {replay}, registration-lifetime: {lifetime_seconds}s}}"
    node.config.write_text(text.replace("{rate-limits: off}", server), encoding="utf-8")


def register_octets(nonce: int, prefix: str, rloc: str) -> bytes:
    """A signed Map-Register for one EID-Prefix with one locator."""
    eid, mask_len = from_eid_prefix(EidPrefix.parse(prefix))
    record = EidRecord(
        1440, eid, mask_len, (RlocRecord(ip_address(rloc), 1, 100, 255, 0),), authoritative=True
    )
    message = MapRegister(
        nonce, 1, 2, bytes(16), (record,), proxy_map_reply=True, want_map_notify=True
    )
    return KEY.sign(message.octets())


def request_octets(nonce: int, eid: str, own: tuple[str, int]) -> bytes:
    """A Map-Request in an ECM, to be answered to the socket it is sent from."""
    rloc = ip_address(own[0])
    address, mask_len = from_eid_prefix(EidPrefix.parse(eid))
    request = MapRequest(nonce, rloc, (rloc,), (MapRequestRecord(address, mask_len),))
    return Ecm(build_ip_udp(own[0], eid, own[1], 4342, request.octets())).octets()


def first_locator(answer: MapReply) -> str | None:
    """The first locator of an answer; None where it is negative."""
    rlocs = answer.records[0].rlocs
    if not rlocs:
        return None
    address = rlocs[0].rloc
    assert isinstance(address, Ipv4 | Ipv6), address
    return address.text


class Peer:
    """One socket on loopback; sends, and hears by nonce."""

    def __init__(self, server: Endpoint, host: str = "127.0.0.1") -> None:
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((host, 0))
        self.nonce = 1000

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self.server)

    def hear(self, seconds: float) -> MapNotify | MapReply | None:
        """The next acknowledgment or answer, None where none comes in time."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        octets = self.socket.recv(65_535)
        message = decode(octets)
        assert isinstance(message, MapNotify | MapReply), message
        if isinstance(message, MapNotify):
            assert KEY.verify(octets)
        return message

    def register(self, prefix: str, rloc: str) -> int:
        """Send a Map-Register under the next nonce, which is returned."""
        self.nonce += 1
        self.send(register_octets(self.nonce, prefix, rloc))
        return self.nonce

    def lookup(self, eids: list[str]) -> dict[str, str | None]:
        """The locator of each EID, None for a negative answer; asked until all are answered."""
        found: dict[str, str | None] = {}
        own = self.socket.getsockname()
        deadline = time.monotonic() + 30
        while len(found) < len(eids):
            assert time.monotonic() < deadline, f"{len(eids) - len(found)} lookups got no answer"
            asked = {}
            for eid in [eid for eid in eids if eid not in found][:UNDER_WAY]:
                self.nonce += 1
                asked[self.nonce] = eid
                self.send(request_octets(self.nonce, eid, own))
            while asked and (answer := self.hear(0.5)) is not None:
                if isinstance(answer, MapReply) and answer.nonce in asked:
                    found[asked.pop(answer.nonce)] = first_locator(answer)
        return found

    def close(self) -> None:
        self.socket.close()


@contextmanager
def peer(server: Endpoint, host: str = "127.0.0.1") -> Iterator[Peer]:
    made = Peer(server, host)
    try:
        yield made
    finally:
        made.close()


def resident_kib(pid: int) -> int:
    """VmRSS of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def descriptors(pid: int) -> int:
    """Open descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
