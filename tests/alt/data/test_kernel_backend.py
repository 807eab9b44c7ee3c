"""The kernel's GRE: its netlink messages octet by octet, and the rest over a stand-in device.

The stand-in is a TUN device: like a GRE device it has no link layer, and what the
test writes to its descriptor is what the kernel would have taken out of GRE.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator

import pytest
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_NEWLINK  # type: ignore[import-untyped]

from alt.netns import Owner, make_overlay, remove_overlay
from alt.privileged import OverlayPrivileges, raw_gre
from alt.tunnel.base import TunnelError, TunnelSpec
from alt.tunnel.capture import open_capture
from alt.tunnel.device import bring_up, device_name
from alt.tunnel.gre_link import (
    CHANGE_FLAGS,
    MAKE_FLAGS,
    make_message,
    mark_message,
    remove_message,
)
from alt.tunnel.kernel import KernelBackend
from alt.tunnel.netlink import octets_of
from alt.tunnel.underlay import GreUnderlay
from alt.tunnel.userspace import UserspaceBackend
from tests.alt.data.lab import Underlay, in_namespace, ping, underlay, wait_until
from tests.alt.data.node_process import NodeProcess
from tests.alt.data.packets import alt_packet

_SPEC = TunnelSpec("arin", "192.0.2.11", "192.0.2.1", 1006, inner4="10.255.0.13/31")
_SPEC6 = TunnelSpec(
    "six", None, "2001:db8:f::3", 1002, inner6="fd00:a17::2/127", checksum=True, sequence=True
)

_ANY_LINK = "00000000000000000000000000000000"
"""The message proper: any family, type and index, no flags."""


@pytest.mark.parametrize(
    ("message", "kind", "flags", "octets"),
    [
        pytest.param(
            make_message(_SPEC, "arin-1234"), RTM_NEWLINK, MAKE_FLAGS,
            (
                "90000000 1000 0506 01000000 00000000",  # REQUEST, ACK, EXCL, CREATE
                _ANY_LINK,
                "0e00 0300 6172696e2d31323334000000",  # IFLA_IFNAME arin-1234
                "0800 0400 c0050000",  # IFLA_MTU 1472
                "5800 1200",  # IFLA_LINKINFO
                "0800 0100 67726500",  # IFLA_INFO_KIND gre
                "4c00 0200",  # IFLA_INFO_DATA
                "0600 0200 20000000",  # IFLA_GRE_IFLAGS, big-endian: key
                "0600 0300 20000000",  # IFLA_GRE_OFLAGS
                "0800 0400 000003ee",  # IFLA_GRE_IKEY 1006
                "0800 0500 000003ee",  # IFLA_GRE_OKEY
                "0800 0600 c000020b",  # IFLA_GRE_LOCAL 192.0.2.11
                "0800 0700 c0000201",  # IFLA_GRE_REMOTE 192.0.2.1
                "0500 0800 40000000",  # IFLA_GRE_TTL 64
                "0500 0a00 00000000",  # IFLA_GRE_PMTUDISC off
                "0500 1300 01000000",  # IFLA_GRE_IGNORE_DF on
            ),
            id="gre",
        ),
        pytest.param(
            make_message(_SPEC6, "s-1"), RTM_NEWLINK, MAKE_FLAGS,
            (
                "88000000 1000 0506 01000000 00000000",
                _ANY_LINK,
                "0800 0300 732d3100",  # IFLA_IFNAME s-1
                "0800 0400 a4050000",  # IFLA_MTU 1444
                "5800 1200",  # IFLA_LINKINFO
                "0b00 0100 697036677265 00 00",  # IFLA_INFO_KIND ip6gre
                "4800 0200",  # IFLA_INFO_DATA
                "0600 0200 b0000000",  # IFLA_GRE_IFLAGS: checksum, key, sequence
                "0600 0300 b0000000",  # IFLA_GRE_OFLAGS
                "0800 0400 000003ea",  # IFLA_GRE_IKEY 1002
                "0800 0500 000003ea",  # IFLA_GRE_OKEY
                "1400 0700 20010db8000f00000000000000000003",  # IFLA_GRE_REMOTE
                "0500 0800 40000000",  # IFLA_GRE_TTL 64
                "0800 0d00 01000000",  # IFLA_GRE_FLAGS: no encapsulation limit
            ),
            id="ip6gre",
        ),
        pytest.param(
            mark_message("s-1", "mark"), RTM_NEWLINK, CHANGE_FLAGS,
            (
                "34000000 1000 0500 01000000 00000000", _ANY_LINK,
                "0800 0300 732d3100",
                "0900 1400 6d61726b 00000000",  # IFLA_IFALIAS mark
            ),
            id="mark",
        ),
        pytest.param(
            remove_message("s-1"), RTM_DELLINK, CHANGE_FLAGS,
            ("28000000 1100 0500 01000000 00000000", _ANY_LINK, "0800 0300 732d3100"),
            id="remove",
        ),
    ],
)  # fmt: skip
def test_netlink_messages_octet_by_octet(
    message: object, kind: int, flags: int, octets: tuple[str, ...]
) -> None:
    assert octets_of(message, kind, flags).hex() == "".join(octets).replace(" ", "")


class StandIn(OverlayPrivileges):
    """Has TUN devices where GRE devices will be asked for; ``wires`` are their other ends.

    They are made beforehand, as a helper would: not inside an event loop.
    """

    def __init__(self, overlay: str, *specs: TunnelSpec) -> None:
        super().__init__(overlay)
        self.wires = {spec.name: self.tun(spec) for spec in specs}
        self._captures = {
            spec.name: open_capture(overlay, device_name(overlay, spec.name)) for spec in specs
        }

    def gre_link(self, spec: TunnelSpec) -> socket.socket:
        return self._captures[spec.name]

    def remove_gre_link(self, name: str) -> None:
        os.close(self.wires.pop(name))


class Prepared(OverlayPrivileges):
    """Has its TUN device made beforehand."""

    def __init__(self, overlay: str, spec: TunnelSpec) -> None:
        super().__init__(overlay)
        self._tun = super().tun(spec)

    def tun(self, spec: TunnelSpec) -> int:
        return self._tun


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    privileges = StandIn("mapsys-kernel-stand-in-0", _SPEC)
    yield privileges
    privileges.remove()


_FRAGMENT = bytearray(alt_packet("198.18.1.5"))
_FRAGMENT[6] |= 0x20
_TO_PORT_53 = alt_packet("198.18.1.5", destination_port=53)
_TO_PORT_53_V6 = alt_packet("2001:db8:e001::5", destination_port=53)
_TCP = bytearray(alt_packet("198.18.1.5"))
_TCP[9] = 6
_OPTIONS = bytes.fromhex("46") + alt_packet("198.18.1.5")[1:20] + bytes(4)
_WITH_OPTIONS = _OPTIONS + alt_packet("198.18.1.5")[20:]


@pytest.mark.netns
@pytest.mark.ability("tun")
def test_map_requests_reach_the_plane_and_leave_by_the_device(stand_in: StandIn) -> None:
    passed_on = [alt_packet("198.18.1.5"), alt_packet("2001:db8:e001::5"), _WITH_OPTIONS]
    filtered_out = [bytes(_FRAGMENT), _TO_PORT_53, _TO_PORT_53_V6, bytes(_TCP), b"\x45", b"\x75x"]
    sent = [alt_packet("198.18.2.9"), alt_packet("2001:db8:e002::9")]
    seen: list[tuple[str, bytes]] = []

    async def exchange() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def receive(tunnel: str, packet: bytes) -> None:
            seen.append((tunnel, packet))
            if len(seen) == len(passed_on):
                done.set()

        backend = KernelBackend(stand_in, receive, loop)
        backend.open(_SPEC)
        wire = stand_in.wires["arin"]
        for packet in (*filtered_out, *passed_on):
            try:
                os.write(wire, packet)
            except OSError:
                assert packet in filtered_out  # TUN itself refuses what has no IP version
        await asyncio.wait_for(done.wait(), 20)
        for packet in sent:
            backend.send("arin", packet)
        left = [os.read(wire, 2000) for _ in sent]
        assert left == sent
        counters = backend.counters()["arin"]
        assert (counters.packets_in, counters.packets_out) == (len(passed_on), len(sent))
        assert counters.dropped == {}
        with pytest.raises(TunnelError, match="already tunnel arin"):
            backend.open(TunnelSpec("twin", None, "192.0.2.1", 1006, inner4="10.0.0.0/31"))
        backend.close("arin")
        backend.send("arin", sent[0])
        assert backend.strays() == {"no-such-tunnel": 1}

    asyncio.run(exchange())
    assert sorted(seen) == sorted(("arin", packet) for packet in passed_on)


@pytest.mark.netns
@pytest.mark.ability("tun")
def test_a_packet_of_the_overlays_stack_to_a_tunnel_end_is_dropped() -> None:
    # An inner address beside the remote end makes a route to it through the tunnel.
    spec = TunnelSpec("loop", None, "192.0.2.1", 7, inner4="192.0.2.0/31")
    privileges = Prepared("mapsys-recursion-0", spec)

    async def try_it() -> None:
        loop = asyncio.get_running_loop()
        underlay = GreUnderlay(raw_gre, loop)
        backend = UserspaceBackend(privileges, underlay, lambda tunnel, packet: None, loop)
        backend.open(spec)
        assert not await asyncio.to_thread(ping, privileges.overlay, "192.0.2.1")
        counters = backend.counters()["loop"]
        assert counters.dropped == {"to-tunnel-remote": 1}
        assert counters.packets_out == 0
        backend.shutdown()
        underlay.shutdown()

    try:
        asyncio.run(try_it())
    finally:
        privileges.remove()


@pytest.mark.netns
@pytest.mark.ability("kernel-gre")
def test_a_real_gre_device_carries_pings_to_a_userspace_one() -> None:
    """Needs the module ip_gre; proves kernel and userspace ends against each other."""
    with underlay() as net:
        _ping_from_kernel_to_userspace(net)


def _ping_from_kernel_to_userspace(net: Underlay) -> None:
    spaces = {number: net.add(number) for number in (1, 2)}
    ours = TunnelSpec("n1", "192.0.2.2", "192.0.2.1", 1001, inner4="10.255.0.1/31")
    node = NodeProcess(spaces[2], net.overlay(2), [ours], {})
    overlay = net.overlay(1)
    make_overlay(overlay)
    try:
        spec = TunnelSpec("n2", "192.0.2.1", "192.0.2.2", 1001, inner4="10.255.0.0/31")
        device = device_name(overlay, "n2")
        code = (
            "import sys; from alt.tunnel.gre_link import make_gre_link; "
            "from alt.tunnel.base import TunnelSpec; "
            f"make_gre_link({spec!r}, {device!r}, {overlay!r})"
        )
        maker = in_namespace(spaces[1], [sys.executable, "-c", code])
        assert maker.wait(20) == 0
        bring_up(overlay, device, spec, Owner.current().mark())
        wait_until(lambda: ping(overlay, "10.255.0.1"), "a ping through kernel GRE")
    finally:
        node.end()
        remove_overlay(overlay)
