"""The pure datapath's own bounds."""

from __future__ import annotations

from mapsys.core.effects import Send
from mapsys.core.reasons import Drop
from mapsys.datapath.counters import METRICS, split_name
from mapsys.datapath.pure import OVER_BUDGET, PureDatapath
from tests.datapath.bench import bench
from tests.datapath.packets import encapsulated, map_request
from tests.datapath.test_contract_repeats import nonce_answer


def test_what_waits_for_the_journal_is_bounded() -> None:
    with bench(lambda store: PureDatapath(store, waiting_limit=2)) as made:
        peer = made.peer()
        ticket = made.store.ticket
        made.datapath.send(
            Send(bytes((0x40, number)), peer.address, after=ticket + 1) for number in range(5)
        )
        assert made.datapath.counters()["waiting_dropped"] == 3
        made.datapath.release(ticket + 1)
        assert [peer.receive()[0] for _ in range(2)] == [b"\x40\x00", b"\x40\x01"]
        assert peer.is_quiet()


def test_what_is_learned_is_bounded() -> None:
    with bench(lambda store: PureDatapath(store, answers_limit=4)) as made:
        peer = made.peer()
        requests = [encapsulated(map_request(), source_port=port) for port in range(1, 14)]
        for data in requests:
            made.teach(peer, data, nonce_answer(peer))
        for data in requests:
            peer.send(data, made.address)
        again = made.run()
        assert len(requests) - len(again) in range(1, 5)
        assert [punt.data for punt in again] == requests[: len(again)]


def test_nothing_is_repeated_where_that_is_switched_off() -> None:
    with bench(lambda store: PureDatapath(store, answers_limit=0)) as made:
        peer = made.peer()
        made.teach(peer, map_request(), nonce_answer(peer))
        peer.send(map_request(), made.address)
        assert len(made.run()) == 1
        made.datapath.forget()


def test_every_counter_has_a_meaning() -> None:
    with bench(PureDatapath) as made:
        peer = made.peer()
        made.teach(peer, map_request(), nonce_answer(peer))
        peer.send(map_request(), made.address)
        made.run()
        for name in made.datapath.counters():
            assert split_name(name)[0] in METRICS


def test_an_asked_receive_buffer_is_reported_as_granted() -> None:
    with bench(lambda store: PureDatapath(store, receive_buffer_octets=100_000)) as made:
        assert made.datapath.listening()[0].receive_buffer_octets == 100_000


def test_an_answer_over_budget_is_dropped_for_the_cores_own_reason() -> None:
    assert str(Drop.RATE_LIMITED) == OVER_BUDGET
