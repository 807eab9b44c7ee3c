"""ExaBGP's words: lines recorded from 5.0.15 read as events, effects written as commands."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alt.bgp.conf import ConfFile, ConfRefusedError
from alt.bgp.dialect import NLRI_PER_LINE, Dialect
from alt.bgp.events import (
    EndOfRibReceived,
    EventsLost,
    NotificationReceived,
    OpenReceived,
    PeerDown,
    PeerEvent,
    PeerUp,
    RefreshKind,
    RefreshReceived,
    UpdateReceived,
)
from alt.bgp.parse import EventReader
from alt.bgp.window import OUTSTANDING_LIMIT, Command, CommandWindow
from alt.rib.attributes import Origin, PathAttributes
from alt.roles import Role
from mapsys.config.secret import Secret
from mapsys.eid import EidPrefix, Family
from tests.alt.control import lines
from tests.alt.control.pilot import arin, eids, tunnel

MSPA = "10.255.0.13"


def reader() -> EventReader:
    return EventReader(arin())


def read(line: str) -> list[PeerEvent]:
    one = reader()
    events = one.read(line.encode())
    assert one.counts["malformed"] == 0
    return events


# Lines become events.


def test_states() -> None:
    assert read(lines.up(MSPA)) == [PeerUp("mspa")]
    assert read(lines.line("state", MSPA, state="connected")) == []
    for reason, clean in (
        ("closing connection", False),
        ("notification sent (4,0)", True),
        ("notification received (6,2)", True),
        ("stop, message [removed]", True),
    ):
        assert read(lines.down(MSPA, reason)) == [PeerDown("mspa", reason, clean)]


def test_an_open_tells_families_and_graceful_restart() -> None:
    both = frozenset({Family.IPV4, Family.IPV6})
    number = int.from_bytes(bytes((10, 254, 0, 11)), "big")
    assert read(lines.opened(MSPA)) == [
        OpenReceived("mspa", number, both, 60, frozenset({Family.IPV4}))
    ]


def test_an_open_without_capabilities_is_of_ipv4_alone() -> None:
    body = {"version": 4, "asn": 1, "hold_time": 9, "router_id": "0.0.0.1", "capabilities": {}}
    event = read(lines.line("open", MSPA, direction="receive", open=body))
    assert event == [OpenReceived("mspa", 1, frozenset({Family.IPV4}))]


def test_an_open_of_this_side_is_no_event() -> None:
    body = {"version": 4, "asn": 1, "hold_time": 9, "router_id": "0.0.0.1", "capabilities": {}}
    assert read(lines.line("open", MSPA, direction="send", open=body)) == []


def test_an_update_announces() -> None:
    attributes = PathAttributes((65201, 4200000010), MSPA, communities=((64512, 6836),))
    assert read(lines.announcing(MSPA, "198.18.0.0/21", path=(65201, 4200000010))) == [
        UpdateReceived("mspa", ((attributes, eids("198.18.0.0/21")),))
    ]


def test_an_update_withdraws_and_announces_in_two_families() -> None:
    message = {
        "update": {
            "attribute": {"origin": "incomplete", "as-path": {}, "med": 100},
            "announce": {
                "ipv6 unicast": {
                    "fd00:a17::d": [{"nlri": "2001:db8:e000::/40"}],
                    "fe80::1": [{"nlri": "2001:db8:e000::/40"}],
                },
                "ipv4 mpls-vpn": {MSPA: [{"nlri": "10.0.0.0/8"}]},
            },
            "withdraw": {"ipv4 unicast": [{"nlri": "198.18.0.0/21"}]},
        }
    }
    attributes = PathAttributes((), "fd00:a17::d", Origin.INCOMPLETE, 100)
    assert read(lines.update(MSPA, message)) == [
        UpdateReceived("mspa", ((attributes, eids("2001:db8:e000::/40")),), eids("198.18.0.0/21"))
    ]


def test_the_older_flat_path_is_read_too() -> None:
    message = {
        "update": {
            "attribute": {"as-path": [65201, 7]},
            "announce": {"ipv4 unicast": {MSPA: [{"nlri": "198.18.0.0/21"}]}},
        }
    }
    event = read(lines.update(MSPA, message))[0]
    assert isinstance(event, UpdateReceived)
    assert event.announced[0][0].as_path == (65201, 7)


def test_segments_are_joined_by_number() -> None:
    segments = {str(n): {"element": "as-sequence", "value": [n]} for n in (10, 2, 0)}
    message = {
        "update": {
            "attribute": {"as-path": segments},
            "announce": {"ipv4 unicast": {MSPA: [{"nlri": "198.18.0.0/21"}]}},
        }
    }
    event = read(lines.update(MSPA, message))[0]
    assert isinstance(event, UpdateReceived)
    assert event.announced[0][0].as_path == (0, 2, 10)


def test_a_route_with_an_as_set_counts_as_withdrawn() -> None:
    message = {
        "update": {
            "attribute": {"as-path": {"0": {"element": "as-set", "value": [1, 2]}}},
            "announce": {"ipv4 unicast": {MSPA: [{"nlri": "198.18.0.0/21"}]}},
        }
    }
    one = reader()
    assert one.read(lines.update(MSPA, message).encode()) == [
        UpdateReceived("mspa", (), eids("198.18.0.0/21"))
    ]
    assert one.counts["as-set"] == 1


def test_end_of_rib_refresh_and_notification() -> None:
    eor = {"eor": {"afi": "ipv6", "safi": "unicast"}}
    assert read(lines.update(MSPA, eor)) == [EndOfRibReceived("mspa", Family.IPV6)]
    for kind in RefreshKind:
        body = {"afi": "ipv4", "safi": "unicast", "subtype": kind.value}
        line = lines.line("refresh", MSPA, direction="receive", **{"route-refresh": body})
        assert read(line) == [RefreshReceived("mspa", Family.IPV4, kind)]
    notification = {"code": 6, "subcode": 2, "data": "0x", "message": ""}
    line = lines.line("notification", MSPA, direction="receive", notification=notification)
    assert read(line) == [NotificationReceived("mspa", 6, 2)]


def test_host_bits_of_a_prefix_do_not_count() -> None:
    event = read(lines.announcing(MSPA, "198.18.1.1/21"))[0]
    assert isinstance(event, UpdateReceived)
    assert event.announced[0][1] == eids("198.18.0.0/21")


def test_the_shutdown_line_is_ignored() -> None:
    one = reader()
    assert one.read(b'{"type": "notification", "notification": "shutdown"}') == []
    assert one.counts == {"ignored": 1}


def test_prefixes_are_of_the_instance() -> None:
    one = EventReader(arin(instance_id=7))
    event = one.read(lines.announcing(MSPA, "198.18.0.0/21").encode())[0]
    assert isinstance(event, UpdateReceived)
    assert event.announced[0][1] == (EidPrefix.parse("[7]198.18.0.0/21"),)


def broken(change: dict[str, Any]) -> bytes:
    return json.dumps({"type": "update", "neighbor": lines.neighbor(MSPA, **change)}).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"{}",
        b'{"type": 1}',
        b"\xff\xfe{",
        b"[" * 100_000,
        broken({}),
        broken({"message": {}}),
        broken({"message": {"update": {"withdraw": {"ipv4 unicast": [{"nlri": "198.18.0.0"}]}}}}),
        broken({"message": {"update": {"withdraw": {"ipv4 unicast": [{"nlri": "1.2.3.4/33"}]}}}}),
        broken({"message": {"update": {"withdraw": {"ipv6 unicast": [{"nlri": "1.2.3.4/3"}]}}}}),
        broken({"message": {"update": {"attribute": {"as-path": {"x": {}}}}}}),
        broken(
            {
                "message": {
                    "update": {
                        "attribute": {"origin": "egg", "as-path": {}},
                        "announce": {"ipv4 unicast": {MSPA: [{"nlri": "198.18.0.0/21"}]}},
                    }
                }
            }
        ),
        lines.line("refresh", MSPA).encode(),
        lines.line("open", MSPA).encode(),
        lines.line("notification", MSPA).encode(),
        lines.opened(MSPA).replace("10.254.0.11", "10.254.0").encode(),
        lines.opened(MSPA).replace('"time": 60', '"time": "long"').encode(),
    ],
)
def test_a_malformed_line_is_counted_and_nothing_else(line: bytes) -> None:
    one = reader()
    assert one.read(line) == []
    assert one.counts == {"malformed": 1}


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: b"{" + text.encode()))
def test_no_line_raises(line: bytes) -> None:
    assert reader().read(line) == []


@given(st.data())
def test_no_mutilated_line_raises(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([lines.opened(MSPA), lines.announcing(MSPA, "10.0.0.0/8")]))
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.integers(0, 20))
    put = data.draw(st.sampled_from(["", "null", "[]", "{}", '"', "9" * 30, "-1", "true"]))
    reader().read((whole[:at] + put + whole[at + cut :]).encode())


def test_strangers_and_lost_lines_are_counted() -> None:
    one = reader()
    one.read(lines.up("192.0.2.99").encode())
    for counter in (1, 2, 5):
        events = one.read(lines.line("state", MSPA, counter, state="up").encode())
    assert events == [EventsLost("mspa"), PeerUp("mspa")]
    one.restart()
    one.read(lines.line("state", MSPA, 1, state="up").encode())
    assert one.counts == {"unknown-neighbour": 1, "event": 4, "gap": 1}


# Effects become commands.


def test_an_announcement_carries_its_attributes() -> None:
    attributes = PathAttributes(
        (65101, 4200000010), "10.255.0.12", Origin.EGP, 5, ((64512, 6836), (1, 2))
    )
    to = tunnel("mspa", Role.CHILD, 6)
    assert Dialect("exabgp").announce(to, eids("198.18.0.0/19", "198.18.32.0/19"), attributes) == [
        (
            "neighbor 10.255.0.13 announce attributes next-hop 10.255.0.12 origin egp"
            " as-path [ 65101 4200000010 ] med 5 community [ 64512:6836 1:2 ]"
            " nlri 198.18.0.0/19 198.18.32.0/19",
            eids("198.18.0.0/19", "198.18.32.0/19"),
        )
    ]


def test_no_line_holds_more_prefixes_than_exabgp_stands() -> None:
    prefixes = [EidPrefix.masked(7, Family.IPV4, n << 8, 24) for n in range(2 * NLRI_PER_LINE + 1)]
    said = Dialect("exabgp").withdraw(tunnel("mspa", Role.CHILD, 6), prefixes)
    assert [len(part) for _, part in said] == [NLRI_PER_LINE, NLRI_PER_LINE, 1]
    assert [prefix for _, part in said for prefix in part] == prefixes
    assert said[2][0].endswith(" withdraw attributes next-hop 10.255.0.12 nlri 0.3.232.0/24")


def test_the_window_sends_in_order_and_ties_answers_to_commands() -> None:
    window = CommandWindow()
    commands = [Command(f"command {n}", "mspa" if n % 2 else "apnic") for n in range(40)]
    for command in commands:
        window.submit(command)
    assert window.ready(10.0) == commands[:OUTSTANDING_LIMIT]
    assert window.ready(11.0) == []
    assert window.silent_since() == 10.0
    assert window.answered("exabgp 5.0.15", 12.0) is None
    first = window.answered("done", 12.0)
    assert first is not None
    assert (first.command, first.is_done, first.output) == (commands[0], True, ("exabgp 5.0.15",))
    second = window.answered("error", 13.0)
    assert second is not None
    assert (second.command, second.is_done, second.output) == (commands[1], False, ())
    assert window.silent_since() == 13.0
    window.forget("mspa")
    sent = window.ready(14.0)
    assert sent == [commands[16], commands[18]]
    window.clear()
    assert window.silent_since() is None
    assert window.answered("done", 15.0) is None
    assert window.unasked == 1


# The file.


def test_exabgp_accepts_what_is_written(tmp_path: Path) -> None:
    guarded = tunnel("apnic", Role.PEER, 1, md5=Secret(b"a-secret~!#"), gtsm=True)
    config = arin(tunnels=(tunnel("mspa", Role.CHILD, 6, graceful_seconds=0), guarded))
    conf = ConfFile(tmp_path / "exabgp.conf", Dialect())
    text = Dialect().configuration(config, config.tunnels, tmp_path / "bgp.sock")
    asyncio.run(conf.replace(text))
    assert conf.path.read_text() == text
    assert text.count("neighbor 10.255.0.") == 2


def test_what_exabgp_refuses_is_refused_with_its_words_and_no_secret(tmp_path: Path) -> None:
    conf = ConfFile(tmp_path / "exabgp.conf", Dialect())
    text = "neighbor 10.255.0.13 {\n  md5-password sesame;\n  router-id nonsense;\n}\n"
    with pytest.raises(ConfRefusedError) as caught:
        asyncio.run(conf.replace(text))
    assert "router-id" in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_more_tunnels_are_looked_after_at_a_slower_pace() -> None:
    many = tuple(tunnel("mspa", Role.CHILD, n) for n in range(101))
    assert Dialect().environment(arin())["exabgp_reactor_speed"] == "0.1"
    assert Dialect().environment(arin(tunnels=many))["exabgp_reactor_speed"] == "0.3"
