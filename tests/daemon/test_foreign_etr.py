"""The Map-Registers of another implementation, octet for octet, to a running server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_register import MapRegister
from mapsys.wire.message import decode
from tests.daemon.node import Node, Xtr, xtr
from tests.wire.pcap import udp_payloads

CAPTURES = Path(__file__).parent.parent / "captures"

CONFIG = """\
node: test.example
state: {state}
control: {{listen: ["{listen}"]}}
map-server: {{rate-limits: off}}
map-resolver: {{}}
sites:
  - name: site-one
    keys: [{{id: 0, algorithm: hmac-sha-1-96, secret: secret-one}}]
    notify-port: source
    eids:
      - {{prefix: 192.0.2.0/24, accept-more-specifics: true}}
      - {{prefix: "2001:db8:1::/48", accept-more-specifics: true}}
  - name: site-two
    keys: [{{id: 0, algorithm: hmac-sha-256-128, secret: secret-two}}]
    notify-port: source
    eids:
      - {{prefix: 198.51.100.0/24, accept-more-specifics: true}}
      - {{prefix: "2001:db8:2::/48", accept-more-specifics: true}}
  - name: two-keys
    keys:
      - {{id: 1, algorithms: [hmac-sha-1-96, hmac-sha-256-128], secret: key-a}}
      - {{id: 2, algorithms: [hmac-sha-1-96, hmac-sha-256-128], secret: key-b}}
    notify-port: source
    eids: [{{prefix: {prefix}, instance-id: 5000}}]
"""

CASES = [
    ("register-sha1.pcap", "secret-one"),
    ("register-sha2.pcap", "secret-two"),
    ("register-key-id.pcap", "key-b"),
]


def captured(name: str) -> tuple[bytes, MapRegister]:
    """The first Map-Register of a capture."""
    for octets in udp_payloads(CAPTURES / name):
        message = decode(octets)
        if isinstance(message, MapRegister):
            return octets, message
    raise AssertionError(f"{name} holds no Map-Register")


@pytest.fixture
def server(node: Node) -> Iterator[Xtr]:
    """A client of a server that knows the captured sites."""
    _, register = captured("register-key-id.pcap")
    prefix = register.records[0].eid_prefix
    bare = EidPrefix(0, prefix.family, prefix.network, prefix.length)
    node.config.write_text(
        CONFIG.format(state=node.state, listen=node.address, prefix=bare), encoding="utf-8"
    )
    node.start()
    with xtr(node.address) as client:
        yield client


@pytest.mark.parametrize(("capture", "secret"), CASES)
def test_it_is_acknowledged_with_a_map_notify_that_verifies(
    capture: str, secret: str, server: Xtr
) -> None:
    octets, register = captured(capture)
    for _ in range(2):
        server.socket.sendto(octets, server.server)
        answer = server.hears()
        assert answer is not None, "no Map-Notify"
        assert Key(secret.encode()).verify(answer)
        notify = decode(answer)
        assert isinstance(notify, MapNotify)
        assert notify.nonce == register.nonce
        assert notify.records == register.records
        assert (notify.xtr_id, notify.site_id) == (register.xtr_id, register.site_id)


@pytest.mark.parametrize(("capture", "secret"), CASES)
def test_one_flipped_bit_gets_silence_and_leaves_no_state(
    capture: str, secret: str, server: Xtr
) -> None:
    octets, _ = captured(capture)
    for bit in range(8 * len(octets)):
        forged = bytearray(octets)
        forged[bit // 8] ^= 0x80 >> bit % 8
        server.socket.sendto(forged, server.server)
    # Datagrams of one socket are served in order: what answers the good one would
    # have answered a forged one before.
    server.socket.sendto(octets, server.server)
    answers = [server.hears()]
    while (more := server.hears(patience=0.5)) is not None:
        answers.append(more)
    assert len([a for a in answers if a is not None and a[0] >> 4 == MapNotify.TYPE]) == 1
    last = answers[-1]
    assert last is not None
    assert Key(secret.encode()).verify(last)
