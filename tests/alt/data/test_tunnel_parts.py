"""Tunnels without sockets: specifications, sequence numbers, which packet is whose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alt.gre import IPV4_PAYLOAD, IPV6_PAYLOAD, encapsulate
from alt.tunnel.auto import choose
from alt.tunnel.base import TUNNEL_REASONS, TunnelError, TunnelSpec, send_reason
from alt.tunnel.demux import Demultiplexer
from alt.tunnel.device import device_name
from alt.tunnel.memory import QUEUE_LIMIT, MemoryBackend, MemoryUnderlay
from alt.tunnel.probe import Abilities
from alt.tunnel.recursion import covered_remotes
from alt.tunnel.sequence import RESTART_RUN, SequenceWindow
from mapsys.eid import EidPrefix
from tests.alt.data.packets import alt_packet

SPEC = TunnelSpec("arin", "192.0.2.11", "192.0.2.1", 1006, inner4="10.255.0.13/31")


@pytest.mark.parametrize(
    ("remote", "key", "checksum", "sequence", "mtu"),
    [
        ("192.0.2.1", None, False, False, 1476),
        ("192.0.2.1", 1006, False, False, 1472),
        ("192.0.2.1", 1006, True, True, 1464),
        ("2001:db8:f::1", 1006, False, False, 1452),
        ("2001:db8:f::1", 1006, True, True, 1444),
    ],
)
def test_inner_mtu_leaves_room_for_the_headers(
    remote: str, key: int | None, checksum: bool, sequence: bool, mtu: int
) -> None:
    spec = TunnelSpec(
        "t", None, remote, key, inner4="10.0.0.0/31", checksum=checksum, sequence=sequence
    )
    assert spec.inner_mtu == mtu


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"remote": "2001:db8::1"}, "different families"),
        ({"remote": "nowhere"}, "nowhere"),
        ({"key": 1 << 32}, "key"),
        ({"inner4": None}, "inner"),
        ({"inner4": "10.255.0.13/33"}, "10.255.0.13/33"),
        ({"inner6": "fd00::1/129"}, "fd00::1/129"),
        ({"mtu": 1279}, "mtu"),
        ({"mtu": 65_536}, "mtu"),
    ],
)
def test_an_impossible_tunnel_is_refused_by_field(changes: dict[str, object], named: str) -> None:
    fields = {
        "name": "t", "local": "192.0.2.11", "remote": "192.0.2.1", "inner4": "10.255.0.13/31"
    }  # fmt: skip
    with pytest.raises(ValueError, match=named):
        TunnelSpec(**{**fields, **changes})  # type: ignore[arg-type]


@given(
    st.integers(0, 0xFFFFFFFF),
    # Too few for what looks like a restart.
    st.lists(st.integers(-(1 << 30), 1 << 30), max_size=RESTART_RUN - 1),
)
def test_only_what_is_newer_than_all_before_is_in_sequence(first: int, steps: list[int]) -> None:
    window = SequenceWindow()
    assert window.accept(first)
    newest = 0
    for step in steps:
        assert window.accept((first + newest + step) & 0xFFFFFFFF) == (step > 0)
        newest += max(0, step)


def test_a_packet_seen_before_is_out_of_sequence() -> None:
    window = SequenceWindow()
    assert [window.accept(n) for n in (5, 5, 4, 6, 6)] == [True, False, False, True, False]


def test_sequence_numbers_wrap() -> None:
    window = SequenceWindow()
    assert [window.accept(n) for n in (0xFFFFFFFE, 0xFFFFFFFF, 0, 1, 0xFFFFFFFF)] == [
        True, True, True, True, False
    ]  # fmt: skip


def test_a_neighbour_that_restarted_is_heard_again() -> None:
    window = SequenceWindow()
    window.accept(1_000_000)
    verdicts = [window.accept(n) for n in range(RESTART_RUN + 2)]
    assert verdicts == [False] * (RESTART_RUN - 1) + [True] * 3


class Received(list[tuple[str, bytes]]):
    """Keeps what a demultiplexer hands on."""

    def take(self, tunnel: str, packet: bytes) -> None:
        self.append((tunnel, packet))


def test_each_packet_goes_to_the_tunnel_of_its_remote_and_key() -> None:
    tunnels, seen = Demultiplexer(), Received()
    arin = tunnels.add(SPEC, seen.take)
    tunnels.add(
        TunnelSpec("other", "192.0.2.11", "192.0.2.1", None, inner4="10.0.0.0/31"), seen.take
    )
    packet = alt_packet("198.18.1.5")
    tunnels.received("192.0.2.1", encapsulate(IPV4_PAYLOAD, packet, key=1006))
    tunnels.received("192.0.2.1", encapsulate(IPV4_PAYLOAD, packet))
    assert seen == [("arin", packet), ("other", packet)]
    assert (arin.counters.packets_in, arin.counters.octets_in) == (1, len(packet))
    assert not tunnels.strays


@pytest.mark.parametrize(
    ("remote", "octets", "reason"),
    [
        ("192.0.2.1", encapsulate(IPV4_PAYLOAD, b"\x45", key=1007), "wrong-key"),
        ("192.0.2.1", encapsulate(IPV4_PAYLOAD, b"\x45"), "wrong-key"),
        ("192.0.2.9", encapsulate(IPV4_PAYLOAD, b"\x45", key=1006), "unknown-remote"),
        ("192.0.2.1", b"\xff" * 20, "gre-routing"),
        ("192.0.2.9", b"", "gre-truncated"),
    ],
)
def test_strangers_are_counted_and_go_nowhere(remote: str, octets: bytes, reason: str) -> None:
    tunnels, seen = Demultiplexer(), Received()
    arin = tunnels.add(SPEC, seen.take)
    tunnels.received(remote, octets)
    assert seen == []
    assert tunnels.strays == {reason: 1}
    assert reason in TUNNEL_REASONS
    assert arin.counters.packets_in == 0


@pytest.mark.parametrize("payload", [b"", b"\x60" + bytes(39)])
def test_a_payload_that_is_not_what_its_type_says_is_dropped(payload: bytes) -> None:
    tunnels, seen = Demultiplexer(), Received()
    arin = tunnels.add(SPEC, seen.take)
    tunnels.received("192.0.2.1", encapsulate(IPV4_PAYLOAD, payload, key=1006))
    assert seen == []
    assert arin.counters.dropped == {"protocol-mismatch": 1}


def test_remote_and_key_are_unique_and_free_again_after_removal() -> None:
    tunnels, seen = Demultiplexer(), Received()
    arin = tunnels.add(SPEC, seen.take)
    twin = TunnelSpec("twin", None, "192.0.2.1", 1006, inner4="10.0.0.0/31")
    with pytest.raises(TunnelError, match="already tunnel arin"):
        tunnels.add(twin, seen.take)
    assert tunnels.remotes == {bytes((192, 0, 2, 1))}
    tunnels.remove(arin)
    assert tunnels.remotes == frozenset()
    tunnels.add(twin, seen.take)


def test_tunnels_of_two_instances_share_an_underlay_by_their_keys() -> None:
    tunnels, zero, hundred = Demultiplexer(), Received(), Received()
    tunnels.add(TunnelSpec("up", None, "192.0.2.1", 0, inner4="10.0.0.0/31"), zero.take)
    tunnels.add(TunnelSpec("up", None, "192.0.2.1", 100, inner4="10.0.0.0/31"), hundred.take)
    packet = alt_packet("198.18.1.5")
    tunnels.received("192.0.2.1", encapsulate(IPV4_PAYLOAD, packet, key=100))
    assert (zero, hundred) == ([], [("up", packet)])


def test_ipv6_remotes_match_in_any_spelling() -> None:
    tunnels, seen = Demultiplexer(), Received()
    tunnels.add(TunnelSpec("six", None, "2001:DB8:f:0::1", 9, inner6="fd00:a17::2/127"), seen.take)
    packet = alt_packet("2001:db8:e001::5")
    tunnels.received("2001:db8:f::1", encapsulate(IPV6_PAYLOAD, packet, key=9))
    assert seen == [("six", packet)]


def test_memory_tunnels_carry_real_gre_both_ways() -> None:
    underlay = MemoryUnderlay()
    seen: list[tuple[str, str, bytes]] = []
    backends = {}
    for own, other in (("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")):
        backends[own] = MemoryBackend(
            underlay,
            lambda tunnel, packet, own=own: seen.append((own, tunnel, packet)),  # type: ignore[misc]
            lambda tunnel, packet: None,
        )
        backends[own].open(
            TunnelSpec(
                "t", own, other, 5, inner4="10.0.0.0/31", checksum=True, sequence=own[-1] == "1"
            )
        )
    first, second = alt_packet("198.18.1.5"), alt_packet("2001:db8:e001::5")
    backends["192.0.2.1"].send("t", first)
    backends["192.0.2.2"].send("t", second)
    assert underlay.carry(limit=10) == 2
    assert seen == [("192.0.2.2", "t", first), ("192.0.2.1", "t", second)]
    counters = backends["192.0.2.1"].counters()["t"]
    assert (counters.packets_in, counters.packets_out) == (1, 1)
    assert (counters.octets_in, counters.octets_out) == (len(second), len(first))


def test_a_full_underlay_counts_what_it_does_not_take() -> None:
    underlay = MemoryUnderlay()
    backend = MemoryBackend(underlay, lambda t, p: None, lambda t, p: None)
    backend.open(SPEC)
    for _ in range(QUEUE_LIMIT + 3):
        backend.send("arin", alt_packet("198.18.1.5"))
    assert backend.counters()["arin"].dropped == {"congested": 3}
    assert backend.counters()["arin"].packets_out == QUEUE_LIMIT


def test_a_tunnel_taken_down_is_no_failure_of_the_packet_path() -> None:
    backend = MemoryBackend(MemoryUnderlay(), lambda t, p: None, lambda t, p: None)
    backend.open(SPEC)
    with pytest.raises(TunnelError, match="of this name"):
        backend.open(TunnelSpec("arin", "192.0.2.11", "192.0.2.7", 1006, inner4="10.0.0.0/31"))
    backend.close("arin")
    backend.send("arin", alt_packet("198.18.1.5"))
    assert backend.strays() == {"no-such-tunnel": 1}


def test_what_sending_meets_has_a_reason() -> None:
    assert {send_reason(OSError(number, "")) for number in (90, 11, 105, 101, 1)} == {
        "too-big",
        "congested",
        "unreachable",
    }


def test_a_route_over_a_tunnel_end_is_found() -> None:
    six = TunnelSpec("six", None, "2001:db8:f::1", inner6="fd00:a17::2/127")
    specs = [SPEC, six]
    assert covered_remotes(EidPrefix.parse("192.0.2.0/24"), specs) == ["arin"]
    assert covered_remotes(EidPrefix.parse("192.0.2.1"), specs) == ["arin"]
    assert covered_remotes(EidPrefix.parse("2001:db8::/32"), specs) == ["six"]
    assert covered_remotes(EidPrefix.parse("192.0.3.0/24"), specs) == []
    assert covered_remotes(EidPrefix.parse("0.0.0.0/0"), specs) == []


@pytest.mark.parametrize(
    ("choice", "kernel", "userspace", "chosen"),
    [
        ("auto", "", "", "kernel"),
        ("auto", "no ip_gre", "", "userspace"),
        ("kernel", "", "no tun", "kernel"),
        ("userspace", "", "", "userspace"),
    ],
)
def test_the_backend_that_works_is_chosen(
    choice: str, kernel: str, userspace: str, chosen: str
) -> None:
    assert choose(choice, Abilities(kernel, userspace)) == chosen  # type: ignore[arg-type]


def test_a_backend_that_cannot_work_is_named_with_the_one_that_can() -> None:
    with pytest.raises(TunnelError, match="no ip_gre; use backend userspace"):
        choose("kernel", Abilities("no ip_gre", ""))
    with pytest.raises(TunnelError, match="kernel: no ip_gre; userspace: no tun"):
        choose("auto", Abilities("no ip_gre", "no tun"))


def test_device_names_fit_and_differ_between_overlays() -> None:
    names = {
        device_name(overlay, tunnel)
        for overlay in ("mapsys-a-0", "mapsys-a-1")
        for tunnel in ("arin", "a-very-long-tunnel-name", "a-very-long-tunnel-name-2", "ü")
    }
    assert len(names) == 8
    assert all(len(name) <= 15 and name.isascii() for name in names)
    assert device_name("mapsys-a-0", "arin").startswith("arin-")
