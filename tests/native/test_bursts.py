"""Bursts of datagrams in and out, and what becomes of them where the kernel says no."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mapsys.core.effects import Endpoint, Send
from mapsys.datapath.native import NativeDatapath
from mapsys.store_pure import PureStore
from tests.native.servers import Peers

UDP_GRO = 104


@pytest.fixture
def datapath() -> Iterator[NativeDatapath]:
    made = NativeDatapath(PureStore())
    made.listen([Endpoint("127.0.0.1", 0)])
    yield made
    made.close()


@pytest.fixture
def peers() -> Iterator[Peers]:
    made = Peers([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)])
    yield made
    made.close()


def sends(peers: Peers, payloads: list[bytes], peer: int = 0) -> list[Send]:
    return [Send(data, peers.addresses[peer]) for data in payloads]


@pytest.mark.parametrize("count", [1, 2, 63, 64])
@pytest.mark.parametrize("octets", [1, 100, 1000])
def test_a_burst_comes_up_datagram_by_datagram(
    count: int, octets: int, datapath: NativeDatapath, peers: Peers
) -> None:
    if count * octets > 60_000:
        count = 60_000 // octets
    burst = [bytes((0xF0, number))[:octets].ljust(octets, b"x") for number in range(count)]
    peers.send_burst(0, burst, datapath.listening()[0].address)
    punts = datapath.run(0.0)
    assert [punt.data for punt in punts] == burst
    assert {punt.source for punt in punts} == {peers.addresses[0]}
    assert datapath.counters()["received.SharedExtension.ipv4"] == count


def test_the_last_datagram_of_a_burst_may_be_shorter(
    datapath: NativeDatapath, peers: Peers
) -> None:
    payloads = [b"\x20" + b"a" * 99] * 5 + [b"\x20short"] + [b"\x20" + b"b" * 99] * 3
    datapath.send(sends(peers, payloads))
    assert [data for _, data in peers.heard()] == payloads
    assert datapath.counters()["sent.MapReply.ipv4"] == len(payloads)


def test_messages_to_one_peer_leave_together(datapath: NativeDatapath, peers: Peers) -> None:
    payloads = [bytes((0x20, number)) for number in range(40)]
    mixed = [send for data in payloads for peer in (0, 1) for send in sends(peers, [data], peer)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as whole:
        whole.bind(("127.0.0.1", 0))
        whole.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        to_whole = [Send(data, Endpoint(*whole.getsockname())) for data in payloads]
        datapath.send(to_whole)
        assert whole.recv(65_535) == b"".join(payloads)
    datapath.send(mixed)
    heard = peers.heard()
    for peer in (0, 1):
        assert [data for number, data in heard if number == peer] == payloads
    assert datapath.sends_bursts


def test_no_message_overtakes_another_to_its_peer(datapath: NativeDatapath, peers: Peers) -> None:
    payloads = [bytes((0x20, number)) * (1 + number * 7 % 5) for number in range(200)]
    datapath.send(sends(peers, payloads))
    assert [data for _, data in peers.heard()] == payloads


def test_where_bursts_are_switched_off_everything_leaves_alone(peers: Peers) -> None:
    plain = NativeDatapath(PureStore(), bursts=False)
    try:
        plain.listen([Endpoint("127.0.0.1", 0)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as whole:
            whole.bind(("127.0.0.1", 0))
            whole.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
            plain.send([Send(b"\x20one", Endpoint(*whole.getsockname()))] * 3)
            assert [whole.recv(65_535) for _ in range(3)] == [b"\x20one"] * 3
        burst = [b"\xf0" * 50] * 4
        peers.send_burst(0, burst, plain.listening()[0].address)
        assert [punt.data for punt in plain.run(0.0)] == burst
        assert not plain.takes_bursts
    finally:
        plain.close()


def test_a_refused_burst_goes_message_by_message(datapath: NativeDatapath, peers: Peers) -> None:
    """Without UDP checksums the kernel cuts no bursts: a kernel, or a device, that says no."""
    with socket.fromfd(datapath.filenos()[0], socket.AF_INET, socket.SOCK_DGRAM) as same:
        same.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
    payloads = [bytes((0x20, number)) for number in range(10)]
    datapath.send(sends(peers, payloads))
    assert [data for _, data in peers.heard()] == payloads
    assert not datapath.sends_bursts
    datapath.send(sends(peers, payloads))
    assert [data for _, data in peers.heard()] == payloads
    counters = datapath.counters()
    assert counters["sent.MapReply.ipv4"] == 20
    assert not any(name.startswith("send_failed") for name in counters)


def test_a_refused_message_in_a_burst_is_counted(datapath: NativeDatapath) -> None:
    datapath.send([Send(b"\x20to nobody", Endpoint("127.0.0.1", 0))] * 3)
    assert datapath.counters()["send_failed.invalid-address"] == 3
