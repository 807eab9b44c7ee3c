"""Check 16: one neighbour announces 100,000 prefixes."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path
from typing import Any, Final

from mapsys.lab.lab import Lab, running
from mapsys.lab.topology import load
from mapsys.lab.waiting import wait_for
from tests.alt.lab.report import Check

TOPOLOGY: Final = "large.yaml"
PREFIXES: Final = 100_000
SECONDS: Final = 60.0
"""Several times the 10 s that it is to take: the machine may be busy."""


def seconds_to_settle(prefixes: int) -> float:
    """From the session's start until all prefixes and End-of-RIB are there."""

    def routes(folder: Path) -> None:
        networks = islice(IPv4Network("198.0.0.0/8").subnets(new_prefix=28), prefixes)
        text = "".join(f"route {network} unreachable;\n" for network in networks)
        (folder / "above" / "above.routes.conf").write_text(text, encoding="ascii")

    with running(load(TOPOLOGY), routes) as lab:
        wait_for(
            lambda: _session(lab)["accepted"] == prefixes and _session(lab)["complete"],
            f"{prefixes} prefixes and End-of-RIB",
            SECONDS,
            found=lambda: _session(lab),
        )
        since = datetime.fromisoformat(_session(lab)["since"])
        return (datetime.now(UTC) - since).total_seconds()


def _session(lab: Lab) -> dict[str, Any]:
    (row,) = lab.own["below"].rows("peers")
    return row


def large_table(_: None) -> str:
    seconds = seconds_to_settle(PREFIXES)
    return f"{PREFIXES} prefixes in the Loc-RIB {seconds:.1f} s after the session came up"


CHECK: Final = Check[None](
    "16",
    f"BIRD announces {PREFIXES:,} prefixes to one node",
    "End-of-RIB within 10 s of the session (60 s on a busy machine)",
    large_table,
    quick=False,
)
