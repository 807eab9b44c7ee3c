"""An xTR that subscribes at a real daemon, and the configuration that lets it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from tests.daemon.node import PATIENCE_SECONDS, Node

XTR_ID: Final = bytes(15) + b"\7"
PUBSUB_KEY: Final = Key(b"a laboratory secret of subscribers")

PUBSUB: Final = "{keys: [{id: 5, secret: a laboratory secret of subscribers}], default-key: 5}"
"""For ``map-server.pubsub``."""

SUBSCRIBERS: Final = f"[{{xtr-id: {XTR_ID.hex()}, rlocs: [127.0.0.0/8]}}]"
"""For ``map-resolver.subscribers``."""


class Subscriber:
    """An xTR on a loopback address of its own, since Map-Notifies go to port 4342."""

    def __init__(self, node: Node, host: str) -> None:
        self._node = node
        self._host = host
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 4342))
        self._socket.settimeout(PATIENCE_SECONDS)

    def asks(self, prefix: str, nonce: int) -> None:
        """Subscribe to an IPv4 prefix."""
        host, _, length = prefix.partition("/")
        record = MapRequestRecord(ip_address(host), int(length), notification_requested=True)
        request = MapRequest(
            nonce,
            NoAddress(),
            (ip_address(self._host),),
            (record,),
            xtr_id=XTR_ID,
            site_id=bytes(8),
        )
        packet = build_ip_udp(self._host, host, 4342, 4342, request.octets())
        self._socket.sendto(Ecm(packet).octets(), self._node.address)

    def hears(self) -> MapNotify:
        """The next Map-Notify, verified and acknowledged."""
        data = self._socket.recv(65_535)
        assert PUBSUB_KEY.verify(data)
        notify = decode(data)
        assert isinstance(notify, MapNotify)
        ack = MapNotifyAck(notify.nonce, 5, 2, bytes(16), notify.records)
        self._socket.sendto(PUBSUB_KEY.sign(ack.octets()), self._node.address)
        return notify

    def close(self) -> None:
        self._socket.close()


@contextmanager
def subscriber(node: Node) -> Iterator[Subscriber]:
    number = os.getpid()
    made = Subscriber(node, f"127.94.{number >> 8 & 0xFF}.{number & 0xFF or 1}")
    try:
        yield made
    finally:
        made.close()
