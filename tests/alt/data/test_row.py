"""Three nodes in a row over real userspace GRE: resolver, transit, Map-Server.

n1 ==(IPv4, key 1001)== n2 ==(IPv6, key 1002, checksum, sequence)== n3
198.18.1.0/24 and 2001:db8:e001::/48 are sites of n3; what else n3 aggregates
are holes. A capture on the bridge is read by tshark.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alt.gre import IPV4_PAYLOAD, encapsulate
from alt.tunnel.base import TunnelSpec
from alt.tunnel.device import device_name
from tests.alt.data.lab import (
    Underlay,
    in_namespace,
    ping,
    socket_in,
    underlay,
    wait_until,
)
from tests.alt.data.node_process import NodeProcess
from tests.alt.data.packets import ITR, ITR6, alt_packet, map_request
from tests.programs import require_program

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

_N1_N2 = TunnelSpec("n2", "192.0.2.1", "192.0.2.2", 1001, inner4="10.255.0.0/31")
_N2_N1 = TunnelSpec("n1", "192.0.2.2", "192.0.2.1", 1001, inner4="10.255.0.1/31")
_N2_N3 = TunnelSpec(
    "n3", "2001:db8:f::2", "2001:db8:f::3", 1002,
    inner4="10.255.0.2/31", inner6="fd00:a17::2/127", checksum=True, sequence=True,
)  # fmt: skip
_N3_N2 = TunnelSpec(
    "n2", None, "2001:db8:f::2", 1002,
    inner4="10.255.0.3/31", inner6="fd00:a17::3/127", checksum=True, sequence=True,
)  # fmt: skip


@dataclass
class Row:
    """The running network."""

    net: Underlay
    n1: NodeProcess
    n2: NodeProcess
    n3: NodeProcess
    capture: Path
    namespaces: dict[int, str]


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    tcpdump = require_program("tcpdump", "tcpdump")
    capture = tmp_path_factory.mktemp("row") / "bridge.pcap"
    with underlay() as net:
        spaces = {n: net.add(n) for n in (1, 2, 3, 9)}
        # The capture begins before the nodes do, so that it holds their first packets too.
        watcher = in_namespace(
            net.bridge,
            [tcpdump, "-i", "br0", "-U", "-w", str(capture), "--immediate-mode", "-Z", "root",
             "ip proto 47 or ip6 proto 47 or icmp or icmp6"],
            stderr=subprocess.PIPE,
        )  # fmt: skip
        nodes: list[NodeProcess] = []
        try:
            assert watcher.stderr is not None
            assert b"listening on" in watcher.stderr.readline()
            plans = (
                (1, [_N1_N2], {"198.18.0.0/15": "n2", "2001:db8:e000::/35": "n2"}),
                (2, [_N2_N1, _N2_N3],
                 {"198.18.0.0/19": "n3", "2001:db8:e000::/38": "n3", "198.18.64.0/19": "n1"}),
                (3, [_N3_N2],
                 {"198.18.0.0/21": "local:aggregate-hole", "198.18.1.0/24": "local:site",
                  "198.18.4.0/24": "local:delegated-hole", "198.18.5.0/24": "local:moved-hole",
                  "2001:db8:e001::/48": "local:site"}),
            )  # fmt: skip
            for number, tunnels, routes in plans:
                nodes.append(
                    NodeProcess(
                        spaces[number], net.overlay(number), tunnels, routes,
                        unprivileged=number == 2,
                        uvloop=number == 3,
                    )
                )  # fmt: skip
            yield Row(net, nodes[0], nodes[1], nodes[2], capture, spaces)
            assert [node.end() for node in nodes] == [0, 0, 0]
        finally:
            for node in nodes:
                node.kill()
            watcher.terminate()
            watcher.wait(20)


def test_the_overlays_stacks_reach_each_other_through_the_tunnels(row: Row) -> None:
    assert ping(row.n1.overlay, "10.255.0.1")
    assert ping(row.n2.overlay, "10.255.0.3")
    assert ping(row.n2.overlay, "fd00:a17::3")
    assert row.n3.counters()["plane"]["to_stack"] >= 2


def test_the_overlays_own_stack_forwards_nothing(row: Row) -> None:
    device = device_name(row.n1.overlay, "n2")
    subprocess.run(
        [require_program("ip", "iproute2"), "-n", row.n1.overlay,
         "route", "add", "10.255.0.2/31", "dev", device],
        check=True, timeout=20,
    )  # fmt: skip
    assert not ping(row.n1.overlay, "10.255.0.3")
    assert row.n2.counters()["plane"]["dropped"] == {"n1/not-udp": 1}


@pytest.mark.parametrize(("eid", "itr"), [("198.18.1.5", ITR), ("2001:db8:e001::5", ITR6)])
def test_a_map_request_crosses_the_row_with_one_hop_less_each_time(
    row: Row, eid: str, itr: str
) -> None:
    nonce = time.time_ns()
    packet = alt_packet(eid, nonce=nonce, source_port=61000, hop_limit=32)
    row.n1.tell(inject=packet.hex())
    delivered = row.n3.event("deliver")
    assert delivered["data"] == map_request(eid, nonce=nonce).octets().hex()
    assert delivered["source"] == [itr, 61000]
    assert delivered["tunnel"] == "n2"
    hops = [fields[3] for fields in _captured(row, f"0x{nonce:016x}", 2)]
    assert hops == ["32", "31"]


def test_the_capture_shows_gre_with_key_and_lisp_inside_and_nothing_malformed(row: Row) -> None:
    nonce = time.time_ns()
    row.n1.tell(inject=alt_packet("198.18.1.6", nonce=nonce).hex())
    row.n3.event("deliver")
    first, second = _captured(row, f"0x{nonce:016x}", 2)
    # outer, key, GRE payload type, hop limit, sequence number, checksum state, LISP type
    assert first[:3] + first[5:] == ["192.0.2.1", "0x000003e9", "0x0800", "", "1"]
    assert second[:3] + second[5:] == ["2001:db8:f::2", "0x000003ea", "0x0800", "1", "1"]
    assert second[4].isdigit()
    assert _tshark(row, "_ws.malformed or gre.checksum.status == 0", ["frame.number"]) == []
    # nobody told a neighbour that GRE is unreachable here
    assert _tshark(row, "icmp.type == 3", ["frame.number"]) == []


def test_a_hole_at_the_end_of_the_row_is_denied_over_the_underlay(row: Row) -> None:
    row.n1.tell(inject=alt_packet("198.18.4.1", nonce=time.time_ns(), source_port=61001).hex())
    denied = row.n3.event("negative")
    assert denied["destination"] == [ITR, 61001]
    assert denied["eid"] == "198.18.4.0/24"


def test_a_route_in_a_circle_ends_where_it_would_return(row: Row) -> None:
    row.n1.tell(inject=alt_packet("198.18.64.1", nonce=time.time_ns()).hex())
    wait_until(
        lambda: row.n2.counters()["plane"]["dropped"].get("n1/returned", 0) > 0,
        "the request to be refused at n2",
    )


def test_the_daemon_needs_no_privilege_once_its_helper_runs(row: Row) -> None:
    assert row.n2.ready["capabilities"] == []
    helper_status = Path(f"/proc/{row.n2.ready['helper']}/status").read_text()
    effective = int(helper_status.partition("CapEff:")[2].split()[0], 16)
    assert effective == 1 << 12 | 1 << 13 | 1 << 21


def test_garbage_wrong_keys_and_strangers_are_counted(row: Row) -> None:
    good = alt_packet("198.18.1.5", nonce=time.time_ns())
    before = row.n2.counters()["strays"]
    attacks = {
        "gre-truncated": b"\x20",
        "gre-version": b"\x00\x07" + bytes(20),
        "gre-routing": b"\x40\x00" + bytes(20),
        "gre-bad-checksum": b"\x80\x00\x08\x00\x12\x34\0\0" + good,
        "gre-unknown-protocol": b"\x00\x00\x65\x58" + bytes(20),
        "unknown-remote": encapsulate(IPV4_PAYLOAD, good, key=1001),
    }
    with socket_in(row.namespaces[9], 2, 3, 47) as stranger:
        for octets in attacks.values():
            stranger.sendto(octets, ("192.0.2.2", 0))
    with socket_in(row.namespaces[1], 2, 3, 47) as neighbour:
        neighbour.sendto(encapsulate(IPV4_PAYLOAD, good, key=4242), ("192.0.2.2", 0))
        neighbour.sendto(encapsulate(IPV4_PAYLOAD, b"\x60" + bytes(40), key=1001), ("192.0.2.2", 0))
        not_a_request = alt_packet("198.18.1.5", destination_port=53)
        neighbour.sendto(encapsulate(IPV4_PAYLOAD, not_a_request, key=1001), ("192.0.2.2", 0))

    def counted() -> bool:
        counters = row.n2.counters()
        new = {k: counters["strays"].get(k, 0) - before.get(k, 0) for k in (*attacks, "wrong-key")}
        return (
            all(count == 1 for count in new.values())
            and counters["tunnels"]["n1"]["dropped"].get("protocol-mismatch") == 1
            and counters["plane"]["dropped"].get("n1/not-control-port") == 1
        )

    wait_until(counted, "each attack to be counted once")
    assert ping(row.n1.overlay, "10.255.0.1")


def test_what_the_kernel_drops_for_a_slow_node_is_counted(row: Row) -> None:
    flood = 20_000
    before = row.n2.counters()["strays"].get("unknown-remote", 0)
    octets = encapsulate(IPV4_PAYLOAD, alt_packet("198.18.1.5"), key=1)
    row.n2.process.send_signal(signal.SIGSTOP)
    with socket_in(row.namespaces[9], 2, 3, 47) as stranger:
        for _ in range(flood):
            stranger.sendto(octets, ("192.0.2.2", 0))
    row.n2.process.send_signal(signal.SIGCONT)

    def all_accounted_for() -> bool:
        strays: dict[str, int] = row.n2.counters()["strays"]
        lost = strays.get("receive-queue-full", 0)
        return bool(lost) and lost + strays["unknown-remote"] - before == flood

    wait_until(all_accounted_for, "every packet of the flood to be counted")


def test_large_packets_cross_the_tunnel_in_fragments(row: Row) -> None:
    subprocess.run(
        [require_program("ip", "iproute2"), "-n", row.namespaces[1],
         "link", "set", "eth0", "mtu", "1300"],
        check=True, timeout=20,
    )  # fmt: skip
    payload = map_request("198.18.1.7", nonce=time.time_ns()).octets() + bytes(1350)
    row.n1.tell(inject=alt_packet("198.18.1.7", payload).hex())
    assert row.n3.event("deliver")["data"] == payload.hex()


def _captured(row: Row, nonce: str, count: int) -> list[list[str]]:
    fields = [
        "gre_outer", "gre.key", "gre.proto", "inner_hops", "gre.sequence_number",
        "gre.checksum.status", "lisp.type",
    ]  # fmt: skip
    found: list[list[str]] = []

    def all_there() -> bool:
        nonlocal found
        rows = _tshark(
            row,
            f"lisp.nonce == {nonce}",
            ["ip.src", "ipv6.src", "gre.key", "gre.proto", "ip.ttl", "ipv6.hlim", *fields[4:]],
        )
        found = [_outer_and_inner(columns) for columns in rows]
        return len(found) >= count

    wait_until(all_there, f"{count} captured packets of nonce {nonce}")
    return found


def _outer_and_inner(columns: list[str]) -> list[str]:
    """Columns hold all occurrences in packet order; over GRE there are two IP headers.

    Of two IPv4 headers, or two IPv6 ones, the first is the outer.
    """
    ipv4, ipv6, key, protocol, ttl, hops, *rest = columns
    inner_is_ipv6 = protocol == "0x86dd"
    outer_is_ipv6 = key == "0x000003ea"
    outer = (ipv6 if outer_is_ipv6 else ipv4).split(",")[0]
    inner_hops = (hops if inner_is_ipv6 else ttl).split(",")[-1]
    return [outer, key, protocol, inner_hops, *rest]


def _tshark(row: Row, condition: str, fields: list[str]) -> list[list[str]]:
    run = subprocess.run(
        [require_program("tshark", "tshark"), "-r", str(row.capture), "-Y", condition,
         "-T", "fields", *(word for field in fields for word in ("-e", field))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return [line.split("\t") for line in run.stdout.splitlines()]
