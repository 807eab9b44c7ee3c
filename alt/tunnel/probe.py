"""What each tunnel backend misses on this host, found by trying."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from alt.netns import fresh
from alt.tunnel.gre_link import probe_gre_link
from alt.tunnel.raw import open_raw_gre
from alt.tunnel.tun import TUN_DEVICE

_PROBE_DEVICE: Final = "mapsys-probe"


class Abilities(NamedTuple):
    """What a backend misses here, in a few words; empty where it would work."""

    kernel: str
    userspace: str


def missing_abilities() -> Abilities:
    """Tries in a namespace of its own, and leaves nothing behind."""
    try:
        with fresh():
            return Abilities(_kernel(), _userspace())
    except OSError as error:
        lack = f"no network namespace can be made ({error.strerror}): CAP_SYS_ADMIN is missing"
        return Abilities(lack, lack)


def _kernel() -> str:
    try:
        probe_gre_link(_PROBE_DEVICE)
    except PermissionError:
        return "no GRE device can be made: CAP_NET_ADMIN is missing"
    except OSError as error:
        return f"the kernel makes no GRE device ({error.strerror}): the module ip_gre is missing"
    return ""


def _userspace() -> str:
    try:
        open_raw_gre(4).close()
    except OSError as error:
        return f"no raw socket for GRE ({error.strerror}): CAP_NET_RAW or CAP_NET_ADMIN is missing"
    try:
        os.close(os.open(TUN_DEVICE, os.O_RDWR))
    except OSError as error:
        return f"{TUN_DEVICE} cannot be opened ({error.strerror}): the module tun is missing"
    return ""
