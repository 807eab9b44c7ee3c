"""Checks 8 to 13: what dies, freezes or is cut off, and how the others go on."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.network import pids_in
from mapsys.lab.waiting import wait_for
from tests.alt.lab.checks_forwarding import way_of
from tests.alt.lab.pilot import Pilot
from tests.alt.lab.report import Check

_BACKUP: Final = "198.18.32.0/19"
"""ripe's block, which arin stands in for."""
_BACKUP_COMMUNITY: Final = "(64512,6836)"
_REQUESTS: Final = 20
_CUT_SECONDS: Final = 20.0
_HOLD_TIMER_EXPIRED: Final = "4/0"


def _all_answered(network: Pilot) -> float:
    """Ask for a site of mspb's again and again; the mean of the milliseconds."""
    answers = [network.require_answer("198.18.33.7") for _ in range(_REQUESTS)]
    return sum(asked.milliseconds for asked in answers) / _REQUESTS


def speaker_killed(network: Pilot) -> str:
    apnic = network.lab.bird("apnic")
    killed = datetime.now()
    with _kept_away(network, "ripe"):
        wait_for(
            lambda: _BACKUP_COMMUNITY in apnic.routes(_BACKUP), "apnic to hear arin's stand-in"
        )
        mean = _all_answered(network)
        keys = [hop.key for hop in way_of(network, network.require_answer("198.18.33.7"), 4)]
    added = _times(apnic.said(), "arin", "added")
    after = min(time - killed for time in added if time > killed).total_seconds() * 1000
    if keys != [1010, 1001, 1009]:
        raise CheckFailed(f"answered, but by the tunnels {keys}")
    return (
        f"{_BACKUP} by arin, marked as a stand-in, at apnic {after:.0f} ms later;"
        f" {_REQUESTS}/{_REQUESTS} answered by arin's tunnel to mspb, {mean:.1f} ms on average"
    )


@contextlib.contextmanager
def _kept_away(network: Pilot, name: str) -> Iterator[None]:
    """A node's ExaBGP is killed, and frozen as soon as it is started again."""
    node = network.lab.own[name]
    killed = node.speaker()
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: _successor(network, name, killed) is not None, f"{name}'s next ExaBGP")
    successor = _successor(network, name, killed)
    assert successor is not None
    os.kill(successor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(successor, signal.SIGCONT)


def _successor(network: Pilot, name: str, killed: int) -> int | None:
    try:
        pid = network.lab.own[name].speaker()
    except CheckFailed:
        return None
    return pid if pid != killed else None


def speaker_back(network: Pilot) -> str:
    apnic = network.lab.bird("apnic")
    network.wait_until_settled()
    wait_for(
        lambda: _BACKUP_COMMUNITY not in apnic.routes(_BACKUP), "arin to take its stand-in back"
    )
    mean = _all_answered(network)
    back = _times(apnic.said(), "ripe")[-1]
    gaps = [abs(gone - back) for gone in _times(apnic.said(), "arin")]
    apart = min(gaps).total_seconds() * 1000
    return (
        f"at apnic ripe's route came and arin's stand-in went {apart:.0f} ms apart;"
        f" {_REQUESTS}/{_REQUESTS} answered, {mean:.1f} ms on average"
    )


def _times(log: list[str], neighbor: str, what: str = "") -> list[datetime]:
    """When BIRD heard something new of ripe's block from a neighbour."""
    heard = re.compile(rf"(\S+ \S+) .*{neighbor}\.ipv4 > {what}.* {re.escape(_BACKUP)} ")
    found = [datetime.fromisoformat(m[1]) for m in map(heard.match, log) if m]
    if not found:
        raise CheckFailed(f"BIRD heard nothing of {_BACKUP} from {neighbor}")
    return found


def speaker_frozen(network: Pilot) -> str:
    lab = network.lab
    parents = {lab.own[name].node.rloc for name in ("arin", "ripe")}
    mark = time.time()
    speaker = lab.own["mspb"].speaker()
    os.kill(speaker, signal.SIGSTOP)
    try:
        expired = _hold_timers_expired(network, mark, parents)
    finally:
        os.kill(speaker, signal.SIGCONT)
    began = time.time()
    network.wait_until_settled()
    healed = time.time() - began
    after = ", ".join(f"{lab.name_of(source)} {at:.1f} s" for source, at in expired.items())
    _all_answered(network)
    return f"NOTIFICATION 4/0: {after}; up again {healed:.1f} s after SIGCONT"


def _hold_timers_expired(network: Pilot, mark: float, sources: set[str]) -> dict[str, float]:
    """Seconds until each of the sources said that the hold timer had expired."""
    found: dict[str, float] = {}

    def all_said() -> bool:
        for at, source, kind in network.lab.capture.notifications(mark):
            if source in sources and kind == _HOLD_TIMER_EXPIRED:
                found.setdefault(source, at)
        return found.keys() == sources

    wait_for(all_said, f"NOTIFICATION 4/0 of {sorted(sources)}", found=lambda: found)
    return found


def cable_pulled(network: Pilot) -> str:
    lab = network.lab
    began = time.monotonic()
    lab.network.cut("mspb")
    try:
        wait_for(
            lambda: (
                {"arin-mspb", "ripe-mspb", "mspb-arin", "mspb-ripe"} <= set(lab.sessions_down())
            ),
            "both ends of both sessions to be down",
            found=lab.sessions_down,
        )
        noticed = time.monotonic() - began
        time.sleep(max(0.0, _CUT_SECONDS - noticed))
    finally:
        lab.network.repair("mspb")
    repaired = time.monotonic()
    network.wait_until_settled()
    healed = time.monotonic() - repaired
    mean = _all_answered(network)
    return (
        f"down at both ends after {noticed:.1f} s; up {healed:.1f} s after the repair;"
        f" then {_REQUESTS}/{_REQUESTS} answered, {mean:.1f} ms on average"
    )


def node_killed(network: Pilot) -> str:
    mspa = network.lab.own["mspa"]
    overlay = mspa.overlay()
    mspa.kill()
    gone = wait_for(
        lambda: not Path(f"/run/netns/{overlay}").exists() and not pids_in(mspa.underlay),
        "everything of mspa's to go",
        found=lambda: (pids_in(overlay), pids_in(mspa.underlay)),
    )
    began = time.monotonic()
    mspa.launch()
    mspa.wait_until_serving()
    serving = time.monotonic() - began
    network.wait_until_settled()
    up = time.monotonic() - began
    network.require_answer("198.18.2.9")
    network.require_answer("198.18.3.17")
    return (
        f"overlay, TUNs and processes gone {gone:.1f} s after; serving {serving:.1f} s after the"
        f" start, sessions and registered sites back after {up:.1f} s"
    )


def bird_killed(network: Pilot) -> str:
    lab = network.lab
    apnic = lab.bird("apnic")
    began = time.monotonic()
    apnic.kill()
    wait_for(
        lambda: {"arin-apnic", "ripe-apnic", "mr1-apnic"} <= set(lab.sessions_down()),
        "apnic's neighbours to notice",
        found=lab.sessions_down,
    )
    noticed = (time.monotonic() - began) * 1000
    began = time.monotonic()
    apnic.start()
    network.wait_until_settled()
    up = time.monotonic() - began
    network.require_answer("198.18.2.9")
    return f"noticed by three neighbours after {noticed:.0f} ms; all up {up:.1f} s after the start"


CHECKS: Final[tuple[Check[Pilot], ...]] = (
    Check(
        "8",
        "ripe's ExaBGP is killed",
        f"arin announces {_BACKUP} as a stand-in; {_REQUESTS} of {_REQUESTS} Map-Requests for"
        " mspb's sites are answered meanwhile",
        speaker_killed,
    ),
    Check("9", "ripe is back", "arin takes the stand-in back at once", speaker_back),
    Check(
        "10",
        "mspb's ExaBGP is frozen",
        "both parents say NOTIFICATION 4/0 when their 9 s are over; it heals by itself",
        speaker_frozen,
        quick=False,
    ),
    Check(
        "11",
        f"mspb's cable is pulled for {_CUT_SECONDS:.0f} s",
        "both ends of both sessions go down after 9 s, and come back soon after the repair",
        cable_pulled,
        quick=False,
    ),
    Check(
        "12",
        "the whole node mspa is killed, and started again",
        "nothing of it stays behind; sessions and registered sites come back",
        node_killed,
    ),
    Check(
        "13",
        "BIRD at apnic is killed, and started again",
        "its neighbours notice at once; sessions come back",
        bird_killed,
    ),
)
