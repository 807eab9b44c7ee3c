"""A whole data plane as a process: ``python -m tests.alt.data.node CONFIG``.

CONFIG is JSON: overlay, tunnels (TunnelSpec fields), routes (prefix to a tunnel's
name or "local:KIND"). Commands arrive as JSON lines, answers and events leave so.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

import uvloop

from alt.effects import FibChange, Local, Via
from alt.fib import Fib
from alt.helper_capabilities import effective, keep_only
from alt.helper_client import TunnelHelper
from alt.plane import AltPlane
from alt.plane_carrier import PlaneCarrier
from alt.plane_effects import Deliver, SendNegative
from alt.tunnel.auto import choose, make_backend
from alt.tunnel.base import TunnelSpec
from alt.tunnel.underlay import GreUnderlay
from mapsys.eid import EidPrefix


def say(**event: Any) -> None:
    """One event on one line."""
    print(json.dumps(event), flush=True)


def target_of(text: str) -> Via | Local:
    """ "local:site" or a tunnel's name."""
    kind = text.partition("local:")[2]
    return Local(kind) if kind else Via(text)  # type: ignore[arg-type]


async def run(config: dict[str, Any]) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    helper = TunnelHelper()
    overlay = helper.make_overlay(config["overlay"])
    if config.get("unprivileged"):
        # The sockets are asked for later, from the helper.
        keep_only(frozenset())
    fib = Fib(0)
    underlay = GreUnderlay(helper.raw_gre, loop)
    kind = choose("userspace", helper.probe())
    carrier = PlaneCarrier(
        AltPlane(0, fib, lambda eid: True),
        fib,
        lambda receive: make_backend(kind, overlay, underlay, receive, loop),
        clock=loop.time,
        on_deliver=_on_deliver,
        on_negative=_on_negative,
        on_recursion=lambda prefix, names: say(event="recursion", tunnels=names),
    )
    for fields in config["tunnels"]:
        carrier.open(TunnelSpec(**fields))
    for prefix, target in config["routes"].items():
        carrier.change_route(FibChange(EidPrefix.parse(prefix), target_of(target)))
    say(event="ready", helper=helper.pid, capabilities=sorted(effective()))
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        command = json.loads(line)
        if "inject" in command:
            carrier.inject(bytes.fromhex(command["inject"]))
        elif "close" in command:
            carrier.close(command["close"])
            say(event="closed")
        else:
            say(
                event="counters",
                plane={
                    "forwarded": carrier.counters.forwarded,
                    "delivered": carrier.counters.delivered,
                    "to_stack": carrier.counters.to_stack,
                    "dropped": {"/".join(k): v for k, v in carrier.counters.dropped.items()},
                },
                tunnels={n: asdict(c) for n, c in carrier.backend.counters().items()},
                strays=dict(carrier.backend.strays()),
            )
    carrier.backend.shutdown()
    underlay.shutdown()
    helper.stop()


def _on_deliver(effect: Deliver) -> None:
    say(
        event="deliver",
        data=effect.data.hex(),
        source=list(effect.source),
        eid=str(effect.eid),
        tunnel=effect.tunnel,
    )


def _on_negative(effect: SendNegative) -> None:
    say(event="negative", destination=list(effect.destination), eid=str(effect.eid))


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    if settings["uvloop"]:
        uvloop.run(run(settings))
    else:
        asyncio.run(run(settings))
