"""What the kernel and our privileges allow here, found by trying, not by guessing.

A test asks by marker: ``needs_root``, ``netns`` (root as well), ``ability("tun")``.
"""

from __future__ import annotations

import ctypes
import functools
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

_CLONE_NEWNET: Final = 0x40000000
_PROBE_SECONDS: Final = 20


def missing(ability: str) -> str | None:
    """Why an ability is missing here, or None where it is there. KeyError: unknown name."""
    return _PROBES[ability]()


def abilities() -> frozenset[str]:
    """Every name that :func:`missing` knows."""
    return frozenset(_PROBES)


def _root() -> str | None:
    return None if os.geteuid() == 0 else "not running as root"


@functools.cache
def _netns() -> str | None:
    # In a child, so that the test session itself stays where it is.
    code = (
        "import ctypes, os, sys; libc = ctypes.CDLL(None, use_errno=True); "
        f"sys.exit(os.strerror(ctypes.get_errno()) if libc.unshare({_CLONE_NEWNET}) else 0)"
    )
    probe = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=_PROBE_SECONDS,
        check=False,
    )
    if probe.returncode == 0:
        return None
    return f"network namespaces cannot be made: {probe.stderr.strip()}"


def _tun() -> str | None:
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"/dev/net/tun cannot be opened: {error.strerror}"
    return None


def _raw_gre() -> str | None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE).close()
    except OSError as error:
        return f"raw GRE sockets cannot be opened: {error.strerror}"
    return None


def _kernel_gre() -> str | None:
    # The module shows up here once loaded; built-in code shows its parameters or nothing,
    # so the modules' own list of what is built in decides.
    if Path("/sys/module/ip_gre").exists():
        return None
    builtin = Path(f"/lib/modules/{os.uname().release}/modules.builtin")
    if builtin.exists() and "ip_gre" in builtin.read_text(encoding="ascii"):
        return None
    return "the kernel module ip_gre is not loaded"


def _mount() -> str | None:
    libc = ctypes.CDLL(None, use_errno=True)
    if _root():
        return "mounting needs root"
    # Remounting what is no mount point fails with EINVAL where mounting is allowed at all.
    libc.mount(b"none", b"/proc/self/fd", None, 32, None)
    error = ctypes.get_errno()
    return None if error not in (1, 13) else f"mounting is not allowed: {os.strerror(error)}"


def _container_engine() -> str | None:
    return None if Path("/var/run/docker.sock").exists() else "no container engine is running"


_PROBES: Final[dict[str, Callable[[], str | None]]] = {
    "root": _root,
    "netns": _netns,
    "tun": _tun,
    "raw-gre": _raw_gre,
    "kernel-gre": _kernel_gre,
    "mount": _mount,
    "container-engine": _container_engine,
}
