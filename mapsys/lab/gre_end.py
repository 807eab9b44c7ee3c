"""Ends the tunnels of a foreign node: ``python -m mapsys.lab.gre_end OVERLAY FORWARDS SPECS``.

The node's own program then runs in the overlay. FORWARDS: 1 lets its kernel forward.
SPECS: a JSON list of TunnelSpec fields. Prints one line when all tunnels are up, and
ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from alt.helper_client import TunnelHelper
from alt.netns import inside
from alt.tunnel.base import TunnelSpec
from alt.tunnel.underlay import GreUnderlay
from alt.tunnel.userspace import UserspaceBackend

_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")


async def serve(overlay: str, forwards: bool, specs: list[TunnelSpec]) -> None:
    """Everything received goes to the overlay's stack, and everything it sends to the far end."""

    def to_stack(tunnel: str, packet: bytes) -> None:
        backend.to_stack(tunnel, packet)

    loop = asyncio.get_running_loop()
    helper = TunnelHelper()
    underlay = GreUnderlay(helper.raw_gre, loop)
    backend = UserspaceBackend(
        helper.make_overlay(overlay),
        underlay,
        to_stack,
        loop,
    )
    for spec in specs:
        backend.open(spec)
    if forwards:
        with inside(overlay):
            _FORWARD.write_text("1\n", encoding="ascii")
    print("up", flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await lines.read()
    backend.shutdown()
    underlay.shutdown()
    helper.stop()


if __name__ == "__main__":
    name, forwards_flag, fields = sys.argv[1:]
    tunnels = [TunnelSpec(**each) for each in json.loads(fields)]
    asyncio.run(serve(name, forwards_flag == "1", tunnels))
