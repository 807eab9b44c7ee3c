"""A subscription to a real daemon: confirmed, published to, and still there after kill -9."""

from __future__ import annotations

import signal

from tests.daemon.node import Node, xtr
from tests.daemon.subscriber import PUBSUB, SUBSCRIBERS, XTR_ID, subscriber

SETTINGS = f"""\
map-server: {{rate-limits: off, pubsub: {PUBSUB}}}
map-resolver: {{subscribers: {SUBSCRIBERS}}}
"""


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
