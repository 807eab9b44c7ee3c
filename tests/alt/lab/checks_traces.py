"""What a run leaves behind on the wire and on the machine."""

from __future__ import annotations

from typing import Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.lab import Lab
from tests.alt.lab.report import Check


def well_formed(lab: Lab) -> str:
    """Everything that tshark read since the start."""
    wrong = lab.capture.rows("_ws.malformed", "frame.number", "frame.protocols")
    if wrong:
        raise CheckFailed(f"{len(wrong)} malformed packets, the first is {wrong[0]}")
    packets = len(lab.capture.rows("gre || lisp", "frame.number"))
    return f"{packets} packets of GRE and LISP, none malformed"


def nothing_left(lab: Lab) -> str:
    """After everything was told to end, and before what is left is removed by force."""
    if lab.left_behind:
        raise CheckFailed(", ".join(lab.left_behind))
    return "nothing"


AFTERWARDS: Final = Check[Lab](
    "Z",
    "the network is told to end",
    "no process, tunnel or overlay of it is left",
    nothing_left,
)
