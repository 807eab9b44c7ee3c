"""The tunnel helper and the overlays it owns: what is left behind after any end is nothing."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alt.helper_capabilities import CAP_SYS_ADMIN
from alt.helper_client import TunnelHelper
from alt.helper_messages import receive_answer
from alt.netns import SYSCTLS, Owner, inside, make_overlay, overlay_owner, remove_overlay
from alt.tunnel.base import TunnelError, TunnelSpec
from alt.tunnel.device import device_name
from alt.tunnel.netlink import routes_of
from tests.alt.data.lab import Underlay, ping, socket_in, underlay, wait_until
from tests.alt.data.node_process import NodeProcess

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

_SPEC = TunnelSpec("n2", "192.0.2.1", "192.0.2.2", 1001, inner4="10.255.0.0/31")


@pytest.fixture
def net() -> Iterator[Underlay]:
    with underlay() as made:
        yield made


@pytest.fixture
def helper() -> Iterator[TunnelHelper]:
    started = TunnelHelper()
    yield started
    started.stop()


def _exists(overlay: str) -> bool:
    return Path("/run/netns", overlay).exists()


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_after_kill_9_of_the_daemon_nothing_is_left(net: Underlay) -> None:
    node = NodeProcess(net.add(1), net.overlay(1), [_SPEC], {})
    helper = node.ready["helper"]
    assert resource.prlimit(helper, resource.RLIMIT_CORE) == (0, 0), "it may dump core"
    assert _exists(node.overlay)
    assert device_name(node.overlay, "n2") in _devices(node.overlay)
    node.kill()
    wait_until(lambda: not _exists(node.overlay), "the overlay to be removed")
    wait_until(lambda: _gone(helper), "the helper to end")


def test_a_stop_signal_to_the_whole_service_is_the_daemons_to_obey(net: Underlay) -> None:
    node = NodeProcess(net.add(1), net.overlay(1), [_SPEC], {})
    os.kill(node.ready["helper"], signal.SIGTERM)
    node.tell(close="n2")
    node.event("closed")
    assert _exists(node.overlay)
    assert node.end() == 0
    assert not _exists(node.overlay)


def test_what_a_kill_of_both_leaves_is_reclaimed_at_the_next_start(net: Underlay) -> None:
    space = net.add(1)
    node = NodeProcess(space, net.overlay(1), [_SPEC], {})
    os.kill(node.ready["helper"], signal.SIGKILL)
    node.kill()
    assert _exists(node.overlay)
    owner = overlay_owner(node.overlay)
    assert owner is not None
    wait_until(lambda: not owner.alive(), "the owner's end to show")
    again = NodeProcess(space, net.overlay(1), [_SPEC], {})
    try:
        fresh = overlay_owner(again.overlay)
        assert fresh is not None
        assert fresh.pid == again.ready["helper"]
        assert _devices(again.overlay) == ["lo", device_name(again.overlay, "n2")]
    finally:
        assert again.end() == 0


def test_an_overlay_in_use_is_not_taken_away(net: Underlay, helper: TunnelHelper) -> None:
    name = net.overlay(1)
    helper.make_overlay(name)
    with pytest.raises(TunnelError, match=f"in use by process {helper.pid}"):
        make_overlay(name)
    assert _exists(name)


def test_a_namespace_that_is_not_ours_is_left_alone(net: Underlay, helper: TunnelHelper) -> None:
    name = net.overlay(1)
    make_overlay(name)
    try:
        _set_alias(name, "somebody else's")
        with pytest.raises(TunnelError, match=r"not marked as ours.*ip netns delete"):
            helper.make_overlay(name)
        assert _exists(name)
    finally:
        remove_overlay(name)


def test_an_owner_of_an_earlier_boot_or_with_a_reused_pid_is_dead() -> None:
    owner = Owner.current()
    assert owner.alive()
    assert Owner.read(owner.mark()) == owner
    assert not Owner(owner.pid, owner.start, "0" * 8).alive()
    assert not Owner(owner.pid, owner.start + 1, owner.boot).alive()
    assert Owner.read("anything") is Owner.read(None) is None


def test_the_overlay_is_set_up_for_bgp_and_against_forwarding(
    net: Underlay, helper: TunnelHelper
) -> None:
    name = helper.make_overlay(net.overlay(1)).overlay
    expected = {
        "ipv4/ip_default_ttl": "255",
        "ipv6/conf/all/hop_limit": "255",
        "ipv4/conf/all/rp_filter": "0",
        "ipv4/ip_forward": "0",
        "ipv6/conf/all/forwarding": "0",
        "ipv4/ip_unprivileged_port_start": "179",
    }
    with inside(name):
        found = {key: Path("/proc/sys/net", key).read_text().strip() for key in expected}
    assert found == expected
    assert ping(name, "127.0.0.1")


def test_a_tunnel_has_its_addresses_and_no_others(net: Underlay, helper: TunnelHelper) -> None:
    overlay = helper.make_overlay(net.overlay(1))
    spec = TunnelSpec(
        "six", None, "192.0.2.2", inner4="10.255.0.4/31", inner6="fd00:a17::4/127", mtu=1400
    )
    tun = overlay.tun(spec)
    try:
        assert not os.get_inheritable(tun)
        assert not os.get_blocking(tun)
        # no router solicitation or multicast report of the stack's enters the tunnel
        with pytest.raises(BlockingIOError):
            os.read(tun, 2000)
        with socket_in(overlay.overlay, socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", ("fd00:a17::5", 9))
        packet = os.read(tun, 2000)
        assert packet[8:24] == socket.inet_pton(socket.AF_INET6, "fd00:a17::4")
        with socket_in(overlay.overlay, socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x" * 1373, ("10.255.0.5", 9))
        assert len(os.read(tun, 2000)) == 1396  # the first of two fragments
    finally:
        os.close(tun)
    wait_until(lambda: _devices(overlay.overlay) == ["lo"], "the device to go with its descriptor")


def test_what_cannot_be_done_is_said_in_a_sentence(net: Underlay, helper: TunnelHelper) -> None:
    overlay = helper.make_overlay(net.overlay(1))
    tun = overlay.tun(_SPEC)
    try:
        with pytest.raises(TunnelError, match=r"tunnel n2: the TUN device n2-.*another process"):
            overlay.tun(_SPEC)
    finally:
        os.close(tun)
    impossible = TunnelSpec("group", None, "192.0.2.2", inner6="ff02::1/127")
    with pytest.raises(TunnelError, match=r"tunnel group: .*Cannot assign requested address"):
        overlay.tun(impossible)
    helper.remove_overlay(overlay.overlay)
    for refused in (lambda: overlay.tun(_SPEC), lambda: helper.remove_overlay(overlay.overlay)):
        with pytest.raises(TunnelError, match="was not made by this helper"):
            refused()


_WITHOUT_PRIVILEGES = """
import sys
from alt.helper_capabilities import keep_only
from alt.helper_capabilities import CAP_SYS_ADMIN
from alt.helper_client import TunnelHelper
from alt.tunnel.auto import choose
from alt.tunnel.base import TunnelError

keep_only(frozenset(map(int, sys.argv[2:])))
helper = TunnelHelper()
for attempt in (
    lambda: choose("auto", helper.probe()),
    lambda: helper.make_overlay(sys.argv[1]),
    lambda: helper.raw_gre(6),
):
    try:
        attempt()
    except TunnelError as error:
        print(error)
helper.stop()
"""


def test_without_privileges_each_refusal_names_the_capability(net: Underlay) -> None:
    def said(*capabilities: int) -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", _WITHOUT_PRIVILEGES, net.overlay(1), *map(str, capabilities)],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return run.stdout.splitlines()

    probed, overlay, raw = said()
    assert "no tunnel backend can work here: kernel: no network namespace can be made" in probed
    assert "CAP_SYS_ADMIN is missing" in probed
    assert overlay.endswith("not permitted; it takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN")
    assert raw.startswith("a raw socket for GRE over IPv6 cannot be opened: Operation not")
    (probed, overlay, _) = said(CAP_SYS_ADMIN)
    assert "userspace: no raw socket for GRE (Operation not permitted): CAP_NET_RAW" in probed
    assert not _exists(net.overlay(1))


def test_an_overlay_that_cannot_be_set_up_is_not_left_behind(
    net: Underlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SYSCTLS, "ipv4/no_such_setting", 1)
    with pytest.raises(TunnelError, match="no_such_setting cannot be set to 1"):
        make_overlay(net.overlay(1))
    assert not _exists(net.overlay(1))


def test_the_helper_survives_what_is_no_request(net: Underlay, helper: TunnelHelper) -> None:
    channel = helper._channel
    for octets in (b"no JSON", b'{"type":"OpenEverything"}', b'{"type":"OpenTun","overlay":1}'):
        channel.send(octets)
        answer, descriptor = receive_answer(channel)
        assert answer.error.startswith("not a request")
        assert descriptor is None
    bad_spec = (
        b'{"type":"OpenTun","overlay":"x","spec":{"name":"a","local":null,"remote":"nowhere"}}'
    )
    channel.send(bad_spec)
    assert "nowhere" in receive_answer(channel)[0].error
    helper.make_overlay(net.overlay(1))


def test_a_helper_that_ended_is_named(net: Underlay) -> None:
    helper = TunnelHelper()
    os.kill(helper.pid, signal.SIGKILL)
    with pytest.raises(TunnelError, match="does not answer"):
        helper.make_overlay(net.overlay(1))
    helper.stop()


def test_probing_agrees_with_what_then_works(net: Underlay, helper: TunnelHelper) -> None:
    abilities = helper.probe()
    assert abilities.userspace == ""
    overlay = helper.make_overlay(net.overlay(1))
    if abilities.kernel:
        assert "the module ip_gre is missing" in abilities.kernel
        with pytest.raises(TunnelError, match="no ip_gre; load it, or use backend userspace"):
            overlay.gre_link(_SPEC)
    else:
        overlay.gre_link(_SPEC).close()


def _devices(overlay: str) -> list[str]:
    with inside(overlay):
        return [name for _, name in socket.if_nameindex()]


def _set_alias(overlay: str, alias: str) -> None:
    with routes_of(overlay) as routes:
        routes.link("set", index=1, ifalias=alias)
