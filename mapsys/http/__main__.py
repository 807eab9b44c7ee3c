"""``python -m mapsys.http --state DIR [--listen HOST:PORT]``: the HTTP process.

Started by the daemon; holds no secret of a site and no privileges, and ends with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

from mapsys.http.access import Access, read_access
from mapsys.http.server import HttpServer
from mapsys.net.process_guard import guard_memory

PR_SET_PDEATHSIG: Final = 1
"""From the system's prctl.h: the signal to get when the parent dies."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the parent's death; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m mapsys.http", description="The HTTP process of a mapsys daemon."
    )
    parser.add_argument("--state", type=Path, required=True, help="the daemon's state folder")
    parser.add_argument(
        "--listen",
        type=_address,
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a TCP address to listen at; IPv6 as [::1]:8042; may be repeated",
    )
    parser.add_argument(
        "--access",
        type=_access,
        default=Access(),
        metavar="FILE",
        help="whom to let in over TCP, as the daemon wrote it; without it, anyone may read",
    )
    options = parser.parse_args(arguments)
    guard_memory()
    parent = os.getppid()
    _end_with_parent()
    if os.getppid() != parent:
        return 0  # it died before the system was told to watch it
    _log_requests()
    return asyncio.run(_serve(options.state, options.listen, options.access))


def _log_requests() -> None:
    """What gives orders, with its request id, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("mapsys.http: %(message)s"))
    requests = logging.getLogger("mapsys.http.requests")
    requests.addHandler(handler)
    requests.setLevel(logging.INFO)
    requests.propagate = False


async def _serve(state: Path, listen: list[tuple[str, int]], access: Access) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = HttpServer(state, access)
    try:
        await server.start(listen)
    except OSError as error:
        print(f"mapsys.http: {error.strerror or error}", file=sys.stderr)
        await server.close()
        return 1
    for host, port in server.addresses():
        print(f"mapsys.http: listening at {host} port {port}", file=sys.stderr)
    await stop.wait()
    await server.close()
    return 0


def _end_with_parent() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"cannot follow the parent process: {os.strerror(number)}")


def _access(text: str) -> Access:
    try:
        return read_access(Path(text))
    except (OSError, msgspec.DecodeError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
