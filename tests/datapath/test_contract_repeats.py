"""What every datapath promises about answering by itself: never other than the core would."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mapsys.core.effects import (
    Answered,
    Datagram,
    Dropped,
    Effect,
    Endpoint,
    Refreshed,
    Repeat,
    Send,
)
from mapsys.eid import EidPrefix
from tests.datapath.bench import Bench, Peer
from tests.datapath.packets import encapsulated, map_register, map_request

EID = EidPrefix.parse("198.18.1.0/24")
NEW_NONCE = bytes.fromhex("fedcba9876543210")
ANSWERED = Answered(EID, "proxy-reply")


def reply(nonce: bytes) -> bytes:
    return bytes((0x20, 0, 0, 1)) + nonce + b"the record"


def nonce_answer(
    to: Peer, admit: Callable[[float], bool] | None = None
) -> Callable[[Datagram], list[Effect]]:
    """The core's answer by Map-Reply, which may be repeated with another nonce."""

    def make(punt: Datagram) -> list[Effect]:
        nonce = bytes.fromhex("0102030405060708")
        send = Send(reply(nonce), to.address, punt.local, repeat=Repeat.NONCE, admit=admit)
        return [send, ANSWERED]

    return make


def register(bench: Bench, text: str = "198.18.9.0/24") -> None:
    """Change an answer, so that the store's generation rises."""
    before = bench.store.generation
    bench.store.put(
        EidPrefix.parse(text),
        b"registrant",
        record=b"record",
        details=b"",
        digest=bytes(16),
        deadline=1e6,
        published=b"published",
    )
    assert bench.store.generation > before


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "bare": map_request,
    "ecm-ipv4": lambda nonce: encapsulated(map_request(nonce), identification=nonce[0]),
    "ecm-ipv6": lambda nonce: encapsulated(map_request(nonce), "2001:db8::9", "2001:db8::1"),
    "ecm-no-udp-checksum": lambda nonce: encapsulated(map_request(nonce), udp_checksum=False),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_equal_request_is_answered_with_its_own_nonce(form: str, on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    on_loopback.teach(peer, FORMS[form](bytes.fromhex("0102030405060708")), nonce_answer(peer))
    peer.send(FORMS[form](NEW_NONCE), on_loopback.address)
    assert on_loopback.run() == []
    assert peer.receive() == (reply(NEW_NONCE), on_loopback.address)
    assert on_loopback.datapath.take_effects() == [ANSWERED]
    assert on_loopback.datapath.take_effects() == []
    assert on_loopback.datapath.counters()["repeated.request"] == 1


@pytest.mark.parametrize("form", FORMS)
def test_every_other_octet_of_a_request_matters(form: str, on_loopback: Bench) -> None:
    """One flipped bit anywhere goes up to the core, which knows what to make of it.

    The nonce of a request without a checksum is the one thing that may be anything.
    """
    peer = on_loopback.peer()
    data = FORMS[form](bytes.fromhex("0102030405060708"))
    nonce_at = data.index(bytes.fromhex("0102030405060708"))
    free = range(nonce_at, nonce_at + 8) if form in ("bare", "ecm-no-udp-checksum") else ()
    on_loopback.teach(peer, data, nonce_answer(peer))
    for offset in range(len(data)):
        if offset in free:
            continue
        for bit in (0x01, 0x80):
            damaged = bytearray(data)
            damaged[offset] ^= bit
            peer.send(bytes(damaged), on_loopback.address)
            assert [punt.data for punt in on_loopback.run()] == [bytes(damaged)]
    assert peer.is_quiet()


@pytest.mark.parametrize("form", FORMS)
def test_a_shorter_or_longer_request_is_another(form: str, on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    data = FORMS[form](NEW_NONCE)
    on_loopback.teach(peer, data, nonce_answer(peer))
    for other in (*(data[:length] for length in range(len(data))), data + b"\x00"):
        peer.send(other, on_loopback.address)
        assert [punt.data for punt in on_loopback.run()] == [other]
    assert peer.is_quiet()


def test_swapped_checksums_do_not_pass(on_loopback: Bench) -> None:
    """Two errors in different checksums do not make up for one another."""
    peer = on_loopback.peer()
    data = encapsulated(map_request())
    on_loopback.teach(peer, data, nonce_answer(peer))
    damaged = bytearray(data)
    damaged[15] ^= 0x01  # the inner IP checksum
    damaged[31] ^= 0x01  # the inner UDP checksum
    peer.send(bytes(damaged), on_loopback.address)
    assert [punt.data for punt in on_loopback.run()] == [bytes(damaged)]


@pytest.mark.parametrize(
    ("offset", "octet", "why"),
    [
        (0, 0x88, "authentication data in the encapsulation header"),
        (4, 0x46, "IPv4 options"),
        (13, 6, "no UDP inside"),
    ],
)
def test_what_fixed_offsets_do_not_reach_is_not_repeated(
    offset: int, octet: int, why: str, on_loopback: Bench
) -> None:
    peer = on_loopback.peer()
    data = bytearray(encapsulated(map_request()))
    data[offset] = octet
    on_loopback.teach(peer, bytes(data), nonce_answer(peer))
    peer.send(bytes(data), on_loopback.address)
    assert [punt.data for punt in on_loopback.run()] == [bytes(data)], why


def test_a_request_passed_on_carries_the_new_inner_packet(on_both_families: Bench) -> None:
    """An encapsulated Map-Request over IPv6 goes on to an ETR with an IPv4 locator."""
    local6 = on_both_families.datapath.listening()[1].address
    itr, etr = on_both_families.peer("::1"), on_both_families.peer("127.0.0.1")
    first, second = encapsulated(map_request()), encapsulated(map_request(NEW_NONCE))

    itr.send(first, local6)
    [punt] = on_both_families.run()
    forwarded = Send(b"\x84\x00\x00\x00" + first[4:], etr.address, punt.local, repeat=Repeat.INNER)
    on_both_families.datapath.learn(punt, [forwarded])
    itr.send(second, local6)
    assert on_both_families.run() == []
    assert etr.receive()[0] == b"\x84\x00\x00\x00" + second[4:]


def test_another_asker_is_the_cores_business(on_loopback: Bench) -> None:
    """Budgets are kept for each source, so one source's answer is not another's."""
    data = encapsulated(map_request())
    asker, other = on_loopback.peer("127.0.0.1"), on_loopback.peer("127.0.0.5")
    on_loopback.teach(asker, data, nonce_answer(asker))
    other.send(data, on_loopback.address)
    assert [punt.source for punt in on_loopback.run()] == [other.address]


def test_a_bare_request_from_another_port_goes_up(on_loopback: Bench) -> None:
    """Its answer goes to the port it came from, which the core has to see."""
    asker, other = on_loopback.peer(), on_loopback.peer()
    on_loopback.teach(asker, map_request(), nonce_answer(asker))
    other.send(map_request(), on_loopback.address)
    assert [punt.source for punt in on_loopback.run()] == [other.address]


def test_an_answer_holds_for_the_address_that_was_asked(on_wildcards: Bench) -> None:
    port = on_wildcards.address.port
    peer = on_wildcards.peer()
    data = encapsulated(map_request())
    peer.send(data, Endpoint("127.0.0.1", port))
    [punt] = on_wildcards.run()
    on_wildcards.datapath.learn(punt, nonce_answer(peer)(punt))
    peer.send(data, Endpoint("127.0.0.8", port))
    assert [punt.local.host for punt in on_wildcards.run()] == ["127.0.0.8"]
    peer.send(data, Endpoint("127.0.0.1", port))
    assert on_wildcards.run() == []
    assert peer.receive()[1] == Endpoint("127.0.0.1", port)


@pytest.mark.parametrize("change", ["registration", "withdrawal", "forget", "listen"])
def test_an_answer_ends_when_it_could_change(change: str, on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    data = encapsulated(map_request())
    register(on_loopback, "198.18.7.0/24")
    on_loopback.teach(peer, data, nonce_answer(peer))
    match change:
        case "registration":
            register(on_loopback)
        case "withdrawal":
            eid = EidPrefix.parse("198.18.7.0/24")
            assert on_loopback.store.withdraw(eid, b"registrant", published=None)
        case "forget":
            on_loopback.datapath.forget()
        case "listen":
            on_loopback.datapath.listen([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)])
    peer.send(data, on_loopback.address)
    assert [punt.data for punt in on_loopback.run()] == [data]


def test_an_answer_learned_after_a_change_holds(on_loopback: Bench) -> None:
    """The generation is read when the answer is learned, not when the batch began."""
    peer = on_loopback.peer()
    data = encapsulated(map_request())
    peer.send(data, on_loopback.address)
    [punt] = on_loopback.run()
    register(on_loopback)
    on_loopback.datapath.learn(punt, nonce_answer(peer)(punt))
    peer.send(data, on_loopback.address)
    assert on_loopback.run() == []


@pytest.mark.parametrize("kind", ["never", "ticket", "two sends"])
def test_what_the_core_does_not_offer_is_not_repeated(kind: str, on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    data = encapsulated(map_request())
    repeatable = Send(reply(NEW_NONCE), peer.address, repeat=Repeat.NONCE)
    effects: dict[str, list[Effect]] = {
        "never": [Send(reply(NEW_NONCE), peer.address)],
        "ticket": [Send(reply(NEW_NONCE), peer.address, repeat=Repeat.NONCE, after=1)],
        "two sends": [repeatable, repeatable],
    }
    on_loopback.teach(peer, data, lambda _: effects[kind])
    peer.send(data, on_loopback.address)
    assert [punt.data for punt in on_loopback.run()] == [data]


def test_a_budget_is_asked_each_time(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    asked_at: list[float] = []

    def admit(now: float) -> bool:
        asked_at.append(now)
        return len(asked_at) <= 2

    data = encapsulated(map_request())
    on_loopback.teach(peer, data, nonce_answer(peer, admit))
    for now in (1.0, 2.0, 3.0):
        peer.send(data, on_loopback.address)
        assert on_loopback.run(now) == []
    assert asked_at == [1.0, 2.0, 3.0]
    assert [peer.receive()[0] for _ in range(2)] == [reply(map_request()[4:12])] * 2
    assert peer.is_quiet()
    assert on_loopback.datapath.take_effects() == [
        ANSWERED,
        ANSWERED,
        Dropped(peer.address, "MapRequest", "rate-limited"),
    ]


class Refresher:
    """Stands where the core's short way stands; counts, and answers with a Map-Notify."""

    def __init__(self, peer: Peer, after: int | None = None) -> None:
        self.calls: list[tuple[Datagram, float]] = []
        self.willing = True
        self._peer = peer
        self._after = after

    def __call__(self, datagram: Datagram, now: float) -> list[Effect] | None:
        self.calls.append((datagram, now))
        if not self.willing:
            return None
        notify = Send(b"\x40" + datagram.data[4:12], self._peer.address, after=self._after)
        return [Refreshed("site-one", 1), notify]

    def offered(self, _: Datagram) -> list[Effect]:
        return [Refreshed("site-one", 1, again=self)]


def test_an_equal_register_is_refreshed_by_what_the_core_offered(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    refresher = Refresher(peer)
    on_loopback.teach(peer, map_register(), refresher.offered)
    data = map_register(NEW_NONCE, mac=b"n" * 16)
    peer.send(data, on_loopback.address)
    assert on_loopback.run(5.0) == []
    assert refresher.calls == [(Datagram(data, peer.address, on_loopback.address), 5.0)]
    assert peer.receive() == (b"\x40" + NEW_NONCE, on_loopback.address)
    assert on_loopback.datapath.take_effects() == [Refreshed("site-one", 1)]
    assert on_loopback.datapath.counters()["repeated.refresh"] == 1


def test_a_refreshs_map_notify_waits_for_its_ticket(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    ticket = on_loopback.store.ticket + 1
    on_loopback.teach(peer, map_register(), Refresher(peer, after=ticket).offered)
    peer.send(map_register(), on_loopback.address)
    assert on_loopback.run() == []
    assert peer.is_quiet()
    on_loopback.datapath.release(ticket)
    assert peer.receive()[0][:1] == b"\x40"


def test_a_register_that_differs_goes_up(on_loopback: Bench) -> None:
    peer, other = on_loopback.peer(), on_loopback.peer()
    refresher = Refresher(peer)
    data = map_register()
    on_loopback.teach(peer, data, refresher.offered)
    for different in (
        map_register(records=b"s" * 24),
        map_register(records=b"r" * 25),
        map_register(mac=b"m" * 20),
        data[:15],
        b"\x31" + data[1:],
    ):
        peer.send(different, on_loopback.address)
        assert [punt.data for punt in on_loopback.run()] == [different]
    other.send(data, on_loopback.address)
    assert [punt.source for punt in on_loopback.run()] == [other.address]
    assert refresher.calls == []


def test_where_the_core_has_to_look_itself_it_gets_the_register(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    refresher = Refresher(peer)
    refresher.willing = False
    on_loopback.teach(peer, map_register(), refresher.offered)
    peer.send(map_register(), on_loopback.address)
    assert [punt.data for punt in on_loopback.run()] == [map_register()]
    assert len(refresher.calls) == 1
    assert peer.is_quiet()


def test_a_refresh_ends_when_an_answer_could_change(on_loopback: Bench) -> None:
    peer = on_loopback.peer()
    refresher = Refresher(peer)
    on_loopback.teach(peer, map_register(), refresher.offered)
    register(on_loopback)
    peer.send(map_register(), on_loopback.address)
    assert len(on_loopback.run()) == 1
    assert refresher.calls == []
