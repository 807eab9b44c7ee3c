"""UDP sockets that the service manager opened before, and keeps over a restart (sd_listen_fds)."""

from __future__ import annotations

import os
import socket
from typing import Final

from mapsys.core.effects import Endpoint

FIRST_DESCRIPTOR: Final = 3


def inherited_sockets() -> dict[Endpoint, socket.socket]:
    """Those passed to this process, by the address that each is bound to.

    They are this process's alone from then on: no child gets them, and none is
    told of them. Raises ValueError, with what to mend, for one that is no UDP socket.
    """
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    found = {}
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count)):
        os.set_inheritable(descriptor, False)
        one = socket.socket(fileno=descriptor)
        if one.type != socket.SOCK_DGRAM or one.family not in (socket.AF_INET, socket.AF_INET6):
            raise ValueError(
                f"descriptor {descriptor} that the service manager passes is no UDP socket;"
                " use ListenDatagram= with an address"
            )
        found[Endpoint(*one.getsockname()[:2])] = one
    return found
