"""What every datapath promises about sockets, order and tickets."""

from __future__ import annotations

import errno
import socket
from collections import Counter

import pytest

from mapsys.core.effects import Endpoint, Send
from mapsys.datapath.contract import BATCH_LIMIT
from mapsys.eid import EidPrefix
from tests.datapath.bench import FACTORIES, Bench, bench
from tests.datapath.packets import map_register, map_request


def test_what_is_unknown_comes_up_whole_and_in_order(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    sent = [b"", b"\x00", b"\xf5" * 1400, map_request(), map_register(), b"z" * 65_507]
    for data in sent:
        peer.send(data, on_loopback.address)
    punts = on_loopback.run_until(len(sent))
    assert [punt.data for punt in punts] == sent
    assert {punt.source for punt in punts} == {peer.address}
    assert {punt.local for punt in punts} == {on_loopback.address}


def test_a_turn_reads_no_more_than_a_batch(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    for number in range(BATCH_LIMIT + 10):
        peer.send(bytes((number,)), on_loopback.address)
    assert len(on_loopback.run()) == BATCH_LIMIT
    assert len(on_loopback.run()) == 10


def test_a_flooded_address_does_not_starve_another(on_both_families: Bench) -> None:
    flooded, other = (each.address for each in on_both_families.datapath.listening())
    loud, quiet = on_both_families.peer("127.0.0.1"), on_both_families.peer("::1")
    for _ in range(3 * BATCH_LIMIT):
        loud.send(b"loud", flooded)
    quiet.send(b"quiet", other)
    first_two_turns = on_both_families.run() + on_both_families.run()
    assert b"quiet" in {punt.data for punt in first_two_turns}


def test_replies_leave_from_the_address_that_was_asked(on_wildcards: Bench) -> None:
    port4, port6 = (each.address.port for each in on_wildcards.datapath.listening())
    for asked, peer in (
        (Endpoint("127.0.0.1", port4), on_wildcards.peer("127.0.0.1")),
        (Endpoint("127.9.8.7", port4), on_wildcards.peer("127.0.0.1")),
        (Endpoint("::1", port6), on_wildcards.peer("::1")),
    ):
        peer.send(b"question", asked)
        [punt] = on_wildcards.run()
        assert punt.local == asked
        on_wildcards.datapath.send([Send(b"\x20answer", punt.source, punt.local)])
        assert peer.receive() == (b"\x20answer", asked)


def test_each_of_several_addresses_answers_for_itself() -> None:
    for factory in FACTORIES:
        with bench(factory, "127.0.0.1", "127.0.0.2", "::1") as made:
            for listening in made.datapath.listening():
                peer = made.peer("::1" if ":" in listening.address.host else "127.0.0.1")
                peer.send(b"question", listening.address)
                [punt] = made.run()
                made.datapath.send([Send(b"\x20answer", punt.source, punt.local)])
                assert peer.receive() == (b"\x20answer", listening.address)


def test_a_send_without_a_source_leaves_from_a_socket_of_its_family(
    on_both_families: Bench,
) -> None:
    for listening, host in zip(
        on_both_families.datapath.listening(), ("127.0.0.1", "::1"), strict=True
    ):
        peer = on_both_families.peer(host)
        on_both_families.datapath.send([Send(b"\x40notify", peer.address)])
        assert peer.receive() == (b"\x40notify", listening.address)


def test_a_source_of_the_other_family_is_replaced(on_both_families: Bench) -> None:
    address4, address6 = (each.address for each in on_both_families.datapath.listening())
    peer = on_both_families.peer("127.0.0.1")
    on_both_families.datapath.send([Send(b"\x80forwarded", peer.address, address6)])
    assert peer.receive() == (b"\x80forwarded", address4)


def test_sends_to_one_destination_keep_their_order(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    payloads = [bytes((0x20, number)) for number in range(100)]
    on_loopback.datapath.send(Send(data, peer.address) for data in payloads)
    assert [peer.receive()[0] for _ in payloads] == payloads


def test_a_send_waits_for_its_ticket_and_lets_others_pass(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    ticket = on_loopback.store.ticket
    on_loopback.datapath.send(
        [
            Send(b"\x40first", peer.address, after=ticket + 1),
            Send(b"\x40second", peer.address, after=ticket + 2),
            Send(b"\x20at once", peer.address),
            Send(b"\x40third", peer.address, after=ticket + 2),
        ]
    )
    assert peer.receive()[0] == b"\x20at once"
    assert peer.is_quiet()
    on_loopback.datapath.release(ticket + 1)
    assert peer.receive()[0] == b"\x40first"
    assert peer.is_quiet()
    on_loopback.datapath.release(ticket + 2)
    assert [peer.receive()[0] for _ in range(2)] == [b"\x40second", b"\x40third"]
    on_loopback.datapath.send([Send(b"\x40late", peer.address, after=ticket + 2)])
    assert peer.receive()[0] == b"\x40late"


def test_marks_are_the_changes_of_the_store(on_loopback: Bench) -> None:
    assert on_loopback.datapath.marks()[1] == b""
    ticket = on_loopback.store.ticket
    on_loopback.store.raise_nonce(b"site", 5)
    marked, changes = on_loopback.datapath.marks()
    assert marked == ticket
    assert changes
    assert on_loopback.datapath.marks()[1] == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
def test_a_busy_port_is_an_error_that_names_it(host: str) -> None:
    for factory in FACTORIES:
        with bench(factory, "127.0.0.2") as made:
            stays = made.datapath.listening()
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as holder:
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                holder.bind((host, 0))
                busy = Endpoint(host, holder.getsockname()[1])
                with pytest.raises(OSError, match="in use") as caught:
                    made.datapath.listen([Endpoint("127.0.0.3", 0), busy])
            assert caught.value.errno == errno.EADDRINUSE
            expected = f"[{host}]" if ":" in host else host
            assert caught.value.filename == f"{expected}:{busy.port}"
            assert made.datapath.listening() == stays
            peer = made.peer()
            peer.send(b"still here?", made.address)
            assert [punt.data for punt in made.run()] == [b"still here?"]


def test_a_change_of_addresses_keeps_the_sockets_that_stay(on_loopback: Bench) -> None:
    asked = Endpoint("127.0.0.1", 0)
    kept = on_loopback.address
    peer = on_loopback.peer()
    peer.send(b"queued", kept)
    on_loopback.datapath.listen([Endpoint("127.0.0.2", 0), asked])
    assert on_loopback.datapath.listening()[1].address == kept
    assert [punt.data for punt in on_loopback.run()] == [b"queued"]
    on_loopback.datapath.listen([Endpoint("127.0.0.2", 0)])
    assert len(on_loopback.datapath.filenos()) == 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(kept)


def test_after_a_change_of_addresses_sends_leave_by_a_socket_that_is_open(
    on_loopback: Bench,
) -> None:
    peer = on_loopback.peer()
    closed = on_loopback.address
    on_loopback.datapath.send([Send(b"\x20before", peer.address, closed)])
    assert peer.receive() == (b"\x20before", closed)
    on_loopback.datapath.listen([Endpoint("127.0.0.2", 0)])
    on_loopback.datapath.send([Send(b"\x20after", peer.address, closed)])
    assert peer.receive() == (b"\x20after", on_loopback.address)


def test_sends_that_the_system_refuses_are_counted_not_raised(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    on_loopback.datapath.send(
        [
            Send(b"\x20" * 65_508, peer.address),
            Send(b"\x20no socket", Endpoint("::1", 4342)),
            Send(b"\x20no port", Endpoint("127.0.0.1", 0)),
            Send(b"\x20good", peer.address),
        ]
    )
    assert peer.receive()[0] == b"\x20good"
    counters = on_loopback.datapath.counters()
    assert counters["send_failed.too-long"] == 1
    assert counters["send_failed.no-socket"] == 1
    assert counters["send_failed.invalid-address"] == 1
    assert counters["sent.MapReply.ipv4"] == 1


def test_traffic_is_counted_by_type_and_family(on_both_families: Bench) -> None:
    for listening, host in zip(
        on_both_families.datapath.listening(), ("127.0.0.1", "::1"), strict=True
    ):
        peer = on_both_families.peer(host)
        for data in (map_request(), map_request(), map_register(), b"\xf0", b"\xa0", b""):
            peer.send(data, listening.address)
    on_both_families.run_until(12)
    on_both_families.datapath.listen(())
    counters = on_both_families.datapath.counters()
    received = {name: n for name, n in counters.items() if name.startswith("received.")}
    assert received == Counter(
        {
            f"received.{message}.{family}": count
            for family in ("ipv4", "ipv6")
            for message, count in (
                ("MapRequest", 2),
                ("MapRegister", 1),
                ("SharedExtension", 1),
                ("unknown", 2),
            )
        }
    )
    assert counters["punted"] == 12


def test_what_the_kernel_drops_is_counted(on_loopback: Bench) -> None:
    granted = on_loopback.datapath.listening()[0].receive_buffer_octets
    peer = on_loopback.peer()
    sent = 0
    while on_loopback.datapath.counters()["receive_queue_dropped"] == 0:
        assert sent < 2 * granted, "more than twice the buffer was taken"
        for _ in range(50):
            peer.send(bytes(60_000), on_loopback.address)
        sent += 50 * 60_000
    dropped = on_loopback.datapath.counters()["receive_queue_dropped"]
    came_up = 0
    while punts := on_loopback.datapath.run(0.0):
        came_up += len(punts)
    assert came_up + dropped == sent // 60_000
    assert on_loopback.store.get(EidPrefix.parse("198.18.0.0/24")) is None
