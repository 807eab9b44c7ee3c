"""LISP-SEC between a Map-Resolver and a Map-Server in processes of their own, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mapsys.core.effects import Endpoint
from mapsys.wire.address import ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from tests.core.lisp_sec_xtrs import SecureEtr, SecureItr
from tests.core.world import Etr, map_request, record
from tests.daemon.node import KEY, PATIENCE_SECONDS, SECRET, Node, free_port

ETR_HOST = "127.0.0.3"
NONCE = 0x5EC5EC5EC

RESOLVER = """\
node: resolver.example
state: {state}
control: {{listen: [{listen}]}}
authority: [{{prefix: 172.16.0.0/12}}]
map-resolver:
  map-servers: [{server}]
  lisp-sec:
    policy: required
    keys: [{{id: 1, secret: {itr}}}]
    onward: {{id: 5, secret: between-map-resolver-and-map-server}}
"""

SERVER = """\
node: server.example
state: {state}
control: {{listen: [{listen}]}}
authority: [{{prefix: 198.18.0.0/16}}]
map-server:
  lisp-sec:
    policy: required
    keys: [{{id: 5, secret: between-map-resolver-and-map-server}}]
sites:
  - name: site-one
    keys: [{{id: 1, secret: {secret}}}]
    eids: [{{prefix: 198.18.1.0/24}}]
    notify-port: source
    lisp-sec: {{id: 9, secret: {etr}}}
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """A Map-Resolver that asks a Map-Server on another loopback address."""
    made = []
    for name in ("resolver", "server"):
        folder = tmp_path / name
        folder.mkdir()
        made.append(Node(folder))
    resolver, server = made
    server.address = Endpoint("127.0.0.2", free_port("127.0.0.2"))
    names = {"itr": SecureItr().secret.decode(), "etr": SecureEtr().secret.decode()}
    for node, text in ((resolver, RESOLVER), (server, SERVER)):
        node.config.write_text(
            text.format(
                state=node.state,
                listen=node.address,
                server=server.address,
                secret=SECRET,
                **names,
            ),
            encoding="utf-8",
        )
    try:
        for node in made:
            node.start()
        yield resolver, server
    finally:
        for node in made:
            node.close()


def opened(host: str, port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(PATIENCE_SECONDS)
    made.bind((host, port))
    return made


def test_a_protected_conversation_of_four_programs(nodes: tuple[Node, Node]) -> None:
    resolver, server = nodes
    with opened("127.0.0.1") as itr_socket, opened(ETR_HOST, 4342) as etr_socket:
        rec = record("198.18.1.0/24", ETR_HOST)
        register = Etr(key=KEY, key_id=1).message(rec, proxy_map_reply=False, security_capable=True)
        etr_socket.sendto(register, server.address)
        assert KEY.verify(etr_socket.recv(65_535))

        itr, (host, port) = SecureItr(), itr_socket.getsockname()
        request = map_request("198.18.1.7", nonce=NONCE, itr_rlocs=(ip_address(host),))
        plain = Ecm(build_ip_udp(host, "198.18.1.7", port, 4342, request.octets())).octets()
        itr_socket.sendto(itr.protects(plain, NONCE), resolver.address)
        to_etr = etr_socket.recv(65_535)
        etr_socket.sendto(SecureEtr().answers(to_etr, rec), (host, port))
        (believed,), vouched = itr.believes(itr_socket.recv(65_535))
        assert believed == rec
        assert vouched.prefixes == (rec.eid_prefix,)

        itr_socket.sendto(plain, resolver.address)
        assert resolver.wait_for("message-dropped")["reason"] == "lisp-sec-required"
        itr_socket.sendto(plain, server.address)
        assert server.wait_for("message-dropped")["reason"] == "lisp-sec-required"
