"""TUN devices: the overlay's stack on one side, a descriptor for us on the other."""

from __future__ import annotations

import fcntl
import os
from contextlib import nullcontext
from struct import pack
from typing import Final

from alt.netns import inside

TUN_DEVICE: Final = "/dev/net/tun"
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000


def open_tun(overlay: str | None, device: str) -> int:
    """A descriptor, non-blocking, of a TUN device born in the overlay. Raises OSError.

    Reading gives the IP packets that the overlay's stack sends, writing lets it
    receive. The device goes when the last descriptor is closed. overlay: None is the
    namespace that the calling thread is in.
    """
    with inside(overlay) if overlay is not None else nullcontext():
        descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
