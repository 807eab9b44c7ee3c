"""Whether Map-Requests get through: one is sent, and somebody's answer is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alt.operation import StepFailedError
from alt.plane_trace import Hop
from alt.trace import TracedHop, Vantage, probe, trace
from mapsys.eid import EidPrefix


async def probe_tunnel(eid: EidPrefix, vantage: Vantage, send: Callable[[bytes], None]) -> str:
    """Have the neighbour behind one tunnel deal with a Map-Request, whatever the routes say.

    send: into the tunnel. A neighbour of our make names itself; of another make, any
    Map-Reply will do. Returns what was found; raises StepFailedError.
    """
    through = replace(vantage, inject=send)
    for hops in (1, 16):
        found = await probe(eid, hops, through)
        if found.hop is not None or found.answered:
            return _told(found)
    raise StepFailedError(f"no answer to a Map-Request for {eid}")


async def probe_way(eid: EidPrefix, vantage: Vantage, expected: Callable[[Hop], bool]) -> str:
    """Follow the way that Map-Requests for an EID take now, to an end as expected.

    Returns what was found; raises StepFailedError.
    """
    steps = await trace(eid, vantage)
    last = steps[-1]
    way = " > ".join(step.hop.node if step.hop is not None else "?" for step in steps)
    if last.answered:
        return f"{way}: answered by {last.address}"
    if last.hop is None or not last.is_end:
        raise StepFailedError(f"the way of {eid} is lost: {way}")
    if not expected(last.hop):
        raise StepFailedError(f"the way of {eid} ends at {last.hop.node}: {last.hop.does}")
    return f"{way}: {last.hop.does}"


def _told(step: TracedHop) -> str:
    seconds = step.seconds or 0.0
    if step.hop is None:
        return f"answered by {step.address} after {1000 * seconds:.1f} ms"
    return f"{step.hop.node} answered after {1000 * seconds:.1f} ms: {step.hop.prefix}"
