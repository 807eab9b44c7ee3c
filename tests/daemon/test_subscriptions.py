"""A subscription to a real daemon: confirmed, published to, and still there after kill -9."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from tests.daemon.node import PATIENCE_SECONDS, Node, xtr

XTR_ID = bytes(15) + b"\7"
PUBSUB_KEY = Key(b"a laboratory secret of subscribers")

SETTINGS = f"""\
map-server:
  rate-limits: off
  pubsub:
    keys: [{{id: 5, secret: a laboratory secret of subscribers}}]
    default-key: 5
map-resolver:
  subscribers: [{{xtr-id: {XTR_ID.hex()}, rlocs: [127.0.0.0/8]}}]
"""


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


def test_a_subscription_is_served_over_sockets_and_outlives_a_kill(node: Node) -> None:
    text = node.config.read_text()
    plain = "map-server: {rate-limits: off}\nmap-resolver: {}\n"
    assert plain in text
    node.config.write_text(text.replace(plain, SETTINGS))
    node.start()
    with xtr(node.address) as site, subscriber(node) as listener:
        site.registers("198.18.1.0/24")
        listener.asks("198.18.1.0/24", nonce=70)
        confirmation = listener.hears()
        assert confirmation.nonce == 70
        assert [str(r.eid_prefix) for r in confirmation.records] == ["198.18.1.0/24"]
        line = node.wait_for("subscription")
        assert (line["change"], line["eid"]) == ("subscribed", "198.18.1.0/24")
        assert line["xtr"] == XTR_ID.hex()
        site.registers("198.18.1.8/32")
        first = listener.hears()
        assert (first.nonce, str(first.records[0].eid_prefix)) == (71, "198.18.1.8/32")
        node.end_by(signal.SIGKILL)
        node.start()
        site.registers("198.18.1.9/32")
        second = listener.hears()
        while second.records == first.records:  # the acknowledgment may not have been committed
            second = listener.hears()
        assert second.nonce > 71
        assert str(second.records[0].eid_prefix) == "198.18.1.9/32"
        listener.asks("198.18.1.0/24", nonce=second.nonce)
        dropped = node.wait_for("message-dropped")
        assert (dropped["message"], dropped["reason"]) == ("MapRequest", "replayed")
    assert node.stop() == 0
