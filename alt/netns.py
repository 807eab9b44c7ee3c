"""The overlay's network namespace: made, marked as owned, set up, and taken away again.

Each ALT instance has one, so that no EID route can meet the underlay and the
addresses of two instances cannot meet either. Needs CAP_SYS_ADMIN and
CAP_NET_ADMIN; ``alt.helper`` is the process that has them.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyroute2 import netns  # type: ignore[import-untyped]

from alt.tunnel.base import TunnelError
from alt.tunnel.netlink import routes_of

_RUN: Final = Path("/run/netns")
_PROC_SYS_NET: Final = Path("/proc/sys/net")
_LOOPBACK: Final = 1
_CLONE_NEWNET: Final = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)

SYSCTLS: Final = {
    "ipv4/ip_default_ttl": 255,
    "ipv6/conf/all/hop_limit": 255,
    "ipv6/conf/default/hop_limit": 255,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/ip_forward": 0,
    "ipv6/conf/all/forwarding": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
    "ipv4/ip_unprivileged_port_start": 179,
}
"""TTL 255, for GTSM to hold on answers to a SYN too; no source check, since a
Map-Request's source is an RLOC that is routed elsewhere; no forwarding, which is
the data plane's alone; no link-local addresses, whose chatter would enter the
tunnels; BGP's port without a privilege.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every later one with its number.

    start: clock ticks after boot at which it started. boot: the boot's own ID.
    """

    pid: int
    start: int
    boot: str

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        start = _start_ticks(pid)
        assert start is not None  # one's own entry is always there
        return cls(pid, start, _boot_id())

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.boot == _boot_id() and _start_ticks(self.pid) == self.start

    def mark(self) -> str:
        """What is written on what the process owns; :meth:`read` takes it back."""
        return f"mapsys owner pid={self.pid} start={self.start} boot={self.boot}"

    @classmethod
    def read(cls, mark: str | None) -> Owner | None:
        """None where the text is no owner's mark."""
        found = re.fullmatch(r"mapsys owner pid=(\d+) start=(\d+) boot=([0-9a-f-]+)", mark or "")
        return cls(int(found[1]), int(found[2]), found[3]) if found else None


def overlay_name(node: str, instance_id: int) -> str:
    """The namespace's name: the same at each start of the node."""
    return f"mapsys-{re.sub('[^A-Za-z0-9.-]', '-', node)}-{instance_id}"


def namespace_path(name: str) -> str:
    """Where a namespace can be opened."""
    return str(_RUN / name)


@contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread is in the namespace for a while."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        netns.setns(name, flags=0)
        try:
            yield
        finally:
            netns.setns(before)
    finally:
        os.close(before)


@contextmanager
def fresh() -> Iterator[None]:
    """The calling thread is in a new, empty namespace, which ends with it. Raises OSError."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(_CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        try:
            yield
        finally:
            netns.setns(before)
    finally:
        os.close(before)


def make_overlay(name: str) -> None:
    """Make the namespace, owned by this process.

    What a killed run left behind under the name is removed first.
    Raises TunnelError where a live process owns it, where it is not ours, or
    where a privilege is missing.
    """
    try:
        _remove_leftover(name)
        netns.create(name)
        try:
            _set_up(name)
        except (OSError, TunnelError):
            remove_overlay(name)
            raise
    except OSError as error:
        raise TunnelError(
            f"the network namespace {name} cannot be made: {os.strerror(error.errno or 0)}; "
            "it takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN"
        ) from error


def _set_up(name: str) -> None:
    with routes_of(name) as routes:
        # The mark comes first: whatever happens next, the next start may clean up.
        routes.link("set", index=_LOOPBACK, ifalias=Owner.current().mark())
        routes.link("set", index=_LOOPBACK, state="up")
    with inside(name):
        for key, value in SYSCTLS.items():
            _write_sysctl(key, value)


def remove_overlay(name: str) -> None:
    """Take the namespace away with every device in it. One that is gone already is fine."""
    try:
        netns.remove(name)
    except FileNotFoundError:
        return


def overlay_owner(name: str) -> Owner | None:
    """Who owns a namespace; None where it carries no mark of ours. Raises OSError."""
    return Owner.read(_loopback(name).get("ifalias"))


def _loopback(name: str) -> Any:
    with routes_of(name) as routes:
        return routes.get_links(_LOOPBACK)[0]


def _remove_leftover(name: str) -> None:
    if not (_RUN / name).exists():
        return
    if not os.path.ismount(_RUN / name):
        (_RUN / name).unlink()  # a start died between making the name and mounting on it
        return
    loopback = _loopback(name)
    owner = Owner.read(loopback.get("ifalias"))
    if owner is None and loopback.get("state") == "up":
        raise TunnelError(
            f"the network namespace {name} exists and is not marked as ours; "
            f"if nobody needs it, remove it: ip netns delete {name}"
        )
    # Unmarked with its loopback down, it is new: a start died before it made its mark.
    if owner is not None and owner.alive():
        raise TunnelError(
            f"the network namespace {name} is in use by process {owner.pid}; "
            "stop that node first, or give this one another name"
        )
    remove_overlay(name)


def _write_sysctl(key: str, value: int) -> None:
    path = _PROC_SYS_NET / key
    if key.startswith("ipv6/") and not (_PROC_SYS_NET / "ipv6").exists():
        return  # a kernel without IPv6
    try:
        path.write_text(f"{value}\n", encoding="ascii")
    except OSError as error:
        raise TunnelError(
            f"{path} cannot be set to {value} in the overlay: {error.strerror}; "
            "/proc/sys has to be writable for the tunnel helper"
        ) from error


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name, in parentheses, may hold anything; field 3 follows it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
