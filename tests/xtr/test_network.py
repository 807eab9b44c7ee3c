"""Real packets: two sites, a proxy and hosts in network namespaces, around a real Map-Server."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mapsys.lab.network import socket_in
from mapsys.lab.traffic import TcpFlow, UdpStream, ping
from mapsys.lab.waiting import wait_for
from tests.figures.record import wanted
from tests.xtr.network import (
    ALPHA_OTHER_RLOC,
    BETA_RLOC,
    OUTSIDE,
    PRIVATE_INSTANCES,
    LispNetwork,
    lisp_network,
)

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.interop]


@pytest.fixture(scope="module")
def net() -> Iterator[LispNetwork]:
    with lisp_network() as made:
        yield made


@pytest.mark.parametrize("destination", ["198.18.2.10", "2001:db8:e002::10"])
def test_hosts_of_two_sites_reach_each_other(net: LispNetwork, destination: str) -> None:
    assert ping(net.host_a.namespace, destination).received == 3


def test_much_data_finds_the_size_that_fits_the_tunnel(net: LispNetwork) -> None:
    listener = socket_in(net.host_b.namespace, net.host_b.address, 0, socket.SOCK_STREAM)
    listener.listen(1)
    sender = socket_in(net.host_a.namespace, net.host_a.address, 0, socket.SOCK_STREAM)
    sender.settimeout(60)
    sender.connect(listener.getsockname())
    receiver, _ = listener.accept()
    receiver.settimeout(60)
    sender.sendall(bytes(60_000))
    left = 60_000
    while left:
        left -= len(receiver.recv(left))
    for one in (listener, sender, receiver):
        one.close()
    assert net.alpha.status()["uncarried"]["too-big"] > 0


def test_equal_addresses_in_two_instances_do_not_meet(net: LispNetwork) -> None:
    for instance_id in PRIVATE_INSTANCES:
        host = net.private["alpha", instance_id]
        assert ping(host.namespace, "192.168.2.10").received == 3
    first, second = PRIVATE_INSTANCES
    stream = UdpStream(
        (net.private["alpha", first].namespace, "192.168.1.10"),
        (net.private["beta", first].namespace, "192.168.2.10"),
    )
    other = socket_in(net.private["beta", second].namespace, "192.168.2.10", 7_007)
    stream.start()
    stream.stop()
    other.settimeout(0)
    with pytest.raises(BlockingIOError):
        other.recv(64)
    other.close()


def test_host_outside_lisp_is_reached_and_reaches_a_site(net: LispNetwork) -> None:
    assert ping(net.host_a.namespace, OUTSIDE).received == 3
    assert ping(net.outside, net.host_b.address).received == 3
    packets = net.proxy.status()["packets"]
    assert packets["encapsulated"] >= 6
    assert packets["decapsulated"] >= 6


def test_connection_lives_on_while_its_machine_moves(net: LispNetwork) -> None:
    ends = (net.outside, OUTSIDE), (net.vm.namespace, net.vm.address)
    flow, stream = TcpFlow(*ends), UdpStream(*ends)
    flow.start()
    stream.start()
    net.connect_vm(net.beta)
    flow.wait_for_more()
    wait_for(lambda: net.alpha.status()["away"] == ["198.18.1.7/32"], "alpha to be told")
    wait_for(
        lambda: "198.18.1.7/32" in {row["eid_prefix"] for row in net.proxy.status()["map_cache"]},
        "the proxy to have asked anew",
    )
    flow.wait_for_more()
    arrived = stream.stop()
    wanted("xtr: seconds a TCP connection paused over a move", flow.stop().longest_pause, 5, 1)
    wanted("xtr: datagrams lost over a move, one every 5 ms", arrived.lost, 500, arrived.sent)


def test_traffic_goes_on_after_the_locator_changed(net: LispNetwork) -> None:
    flow = TcpFlow(
        (net.host_b.namespace, net.host_b.address), (net.host_a.namespace, net.host_a.address)
    )
    flow.start()
    net.alpha.configure(net.alpha_config((ALPHA_OTHER_RLOC, 1, 100)))
    net.alpha.reload()
    wait_for(
        lambda: ALPHA_OTHER_RLOC in net.beta.status()["packets_to"], "beta to use the new locator"
    )
    flow.wait_for_more()
    flow.stop()


def test_map_server_carries_no_packet_of_a_host_and_tshark_likes_what_it_saw(
    net: LispNetwork,
) -> None:
    assert net.capture.rows("_ws.malformed", "frame.number") == []
    encapsulated = net.capture.rows("udp.dstport == 4341", "ip.src", "ip.dst")
    assert any(BETA_RLOC in source for source, _ in encapsulated)
    server = "ip.addr == 192.0.2.1"
    assert net.capture.rows(f"udp.dstport == 4341 && {server}", "frame.number") == []
    assert net.capture.rows(f"udp.port == 4342 && {server}", "frame.number")
