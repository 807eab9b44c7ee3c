"""Route netlink: pyroute2 with the errors of the operating system, and single requests."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from struct import unpack_from
from typing import Any, Final

from pyroute2 import IPRoute, NetlinkError  # type: ignore[import-untyped]

_NLMSG_ERROR: Final = 2
_ANSWER_SECONDS: Final = 5.0


@contextmanager
def routes_of(namespace: str | None = None) -> Iterator[Any]:
    """pyroute2's IPRoute in a namespace, by name, or in this one.

    Whatever the kernel refuses inside raises OSError with its error number.
    """
    opened = IPRoute() if namespace is None else IPRoute(netns=namespace, flags=0)
    try:
        with opened as routes:
            yield routes
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from error


def octets_of(message: Any, kind: int, flags: int) -> bytes:
    """The octets of a pyroute2 message with its header."""
    message["header"]["type"] = kind
    message["header"]["flags"] = flags
    message["header"]["sequence_number"] = 1
    message.encode()
    return bytes(message.data)


def request(message: Any, kind: int, flags: int) -> None:
    """Send a message to the kernel and wait for its acknowledgment: octets as encoded.

    flags: NLM_F_REQUEST and NLM_F_ACK at least.
    Raises OSError with the kernel's error number.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_ANSWER_SECONDS)
        kernel.bind((0, 0))
        kernel.send(octets_of(message, kind, flags))
        answer = kernel.recv(65_535)
    answer_kind, error = unpack_from("=4xH10xi", answer)
    if answer_kind != _NLMSG_ERROR:
        raise OSError(0, f"the kernel answered with netlink message {answer_kind}")
    if error:
        raise OSError(-error, os.strerror(-error))
