"""A speaker that misbehaves is waited for, asked again or replaced; never believed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alt.bgp.conf import ConfRefusedError
from alt.bgp.dialect import Dialect
from alt.bgp.events import AnnounceRefused, PeerDown, SpeakerLost
from alt.bgp.supervisor import Timing
from alt.effects import Announce
from alt.rib.attributes import PathAttributes
from alt.roles import Role
from tests.alt.control import lines
from tests.alt.control.pilot import TODAY, arin, eids, tunnel
from tests.alt.control.speaking import SpeakingNode

FAKE = Path(__file__).with_name("fake_exabgp.py")
MSPA, APNIC = "10.255.0.13", "10.255.0.3"
TIMING = Timing(
    connect=10.0,
    terminate=2.0,
    back_off=0.05,
    back_off_limit=0.2,
    answer=1.0,
    ping=0.2,
    reload_poll=0.05,
    reload_polls=4,
)
CONFIG = arin(tunnels=(tunnel("mspa", Role.CHILD, 6), tunnel("apnic", Role.PEER, 1)))
FEWER = replace(CONFIG, tunnels=CONFIG.tunnels[:1])
SESSION = [lines.opened(MSPA), lines.up(MSPA), lines.announcing(MSPA, "198.18.0.0/21")]


class Stage:
    """A node whose ExaBGP is the fake one, and what the fake one was told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._script = folder / "fake.json"
        self._program = folder / "exabgp"
        self._program.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n')
        self._program.chmod(0o755)
        monkeypatch.setenv("FAKE_EXABGP", str(self._script))

    def script(self, **plan: Any) -> None:
        self._script.write_text(json.dumps({"emit": SESSION, **plan}))

    @property
    def told(self) -> list[str]:
        log = self._script.with_suffix(".log")
        return log.read_text().splitlines() if log.exists() else []

    @property
    def starts(self) -> int:
        return self.told.count("start")

    @contextlib.asynccontextmanager
    async def node(self, **plan: Any) -> AsyncIterator[SpeakingNode]:
        self.script(**plan)
        node = SpeakingNode(
            CONFIG,
            self.folder / "run",
            dialect=Dialect(str(self._program)),
            timing=TIMING,
        )
        async with node.running():
            yield node


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def up_and_heard(node: SpeakingNode) -> Callable[[], bool]:
    return lambda: node.uses("198.18.0.0/21", "mspa")


def test_late_answers_are_waited_for(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(late_seconds=0.3) as node:
            await node.until(up_and_heard(node), "heard")
            await node.until(lambda: sum("eor" in t for t in stage.told) == 2, "all said")
            await node.until(lambda: len(node.speaker.window) == 0, "all answered")
            assert node.faults == []
            assert stage.starts == 1

    play(scenario)


def test_the_next_commands_wait_until_the_window_has_room(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(late_seconds=0.02) as node:
            await node.until(up_and_heard(node), "heard")
            attributes = PathAttributes((65101,), "10.255.0.12")
            for n in range(60):
                node.speaker.execute([Announce("mspa", eids(f"198.19.{n}.0/24"), attributes)])
            await node.until(
                lambda: sum("nlri 198.19." in line for line in stage.told) == 60, "all said"
            )
            said = [line.split()[-1] for line in stage.told if "nlri 198.19." in line]
            assert said == [f"198.19.{n}.0/24" for n in range(60)]
            assert node.faults == []

    play(scenario)


def test_a_refused_announcement_is_reported_and_not_taken_for_made(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(refuse="198.18.0.0/19") as node:
            await node.until(lambda: bool(node.faults), "refusal")
            assert node.faults[0][0] == "command-refused"
            refused = AnnounceRefused("mspa", eids("198.18.0.0/19"))
            await node.until(lambda: refused in node.events, "told to the router")
            told = node.router.peers["mspa"].adj_out
            made = set(eids("2001:db8:e000::/38"))
            await node.until(lambda: set(told.told) == made, "only what was made is held told")
            assert stage.starts == 1

    play(scenario)


def test_a_frozen_speaker_is_replaced_and_told_everything_again(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(stall_after=2) as node:
            await node.until(lambda: "speaker-stalled" in dict(node.faults), "noticed")
            stage.script()
            await node.until(lambda: stage.starts == 2, "replaced")
            assert node.uses("198.18.0.0/21", "mspa"), "routes outlive it"
            assert sum(kind == "speaker-stalled" for kind, _ in node.faults) == 1

    play(scenario)


def test_a_dead_speaker_is_replaced_with_back_off(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(die_after=1, starts=[0, 1, 2]) as node:
            await node.until(lambda: stage.starts == 4, "replaced until one lives")
            assert sum(isinstance(event, SpeakerLost) for event in node.events) == 3
            assert "it exited with 3" in node.faults[0][1]
            await node.until(lambda: node.speaker.window.silent_since() is None, "answers")

    play(scenario)


def test_a_speaker_that_cannot_start_is_reported_with_its_own_words(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node() as node:
            await node.until(up_and_heard(node), "heard")
            (stage.folder / "fake.json").unlink()
            pid = node.speaker.supervisor.pid
            assert pid is not None
            os.kill(pid, 9)
            await node.until(
                lambda: any("No such file" in sentence for _, sentence in node.faults), "reason"
            )

    play(scenario)


def test_a_dropped_reload_is_asked_again(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(drop_reloads=2) as node:
            await node.until(up_and_heard(node), "heard")
            await node.speaker.reconfigure(FEWER)
            assert stage.told.count("reload") == 3
            assert [kind for kind, _ in node.faults] == ["reload-lost", "reload-lost"]
            assert stage.starts == 1

    play(scenario)


def test_a_reload_that_never_works_ends_in_a_restart(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(drop_reloads=99) as node:
            await node.until(up_and_heard(node), "heard")
            await node.speaker.reconfigure(FEWER)
            await node.until(lambda: stage.starts == 2, "restarted")
            assert stage.told.count("reload") == TIMING.reload_tries

    play(scenario)


def test_a_poisoned_reload_ends_in_a_restart_with_the_file_in_place(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node(poison=True) as node:
            await node.until(up_and_heard(node), "heard")
            await node.speaker.reconfigure(FEWER)
            await node.until(lambda: stage.starts == 2, "restarted")
            assert "neighbor 10.255.0.3 " not in (stage.folder / "run/exabgp.conf").read_text()

    play(scenario)


def test_a_file_that_the_validator_refuses_never_gets_near_the_speaker(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node() as node:
            await node.until(up_and_heard(node), "heard")
            before = (stage.folder / "run/exabgp.conf").read_text()
            stage.script(validate="syntax error in section neighbor")
            with pytest.raises(ConfRefusedError, match="syntax error in section neighbor"):
                await node.speaker.reconfigure(FEWER)
            assert (stage.folder / "run/exabgp.conf").read_text() == before
            assert not (stage.folder / "run/exabgp.draft").exists()
            assert "reload" not in stage.told
            assert node.speaker.config == CONFIG

    play(scenario)


def test_a_neighbour_at_another_address_starts_anew(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node() as node:
            await node.until(up_and_heard(node), "heard")
            elsewhere = replace(CONFIG, tunnels=(tunnel("mspa", Role.CHILD, 9),))
            now = asyncio.get_running_loop().time()
            node.speaker.execute(node.router.reconfigure(elsewhere, TODAY, now))
            await node.speaker.reconfigure(elsewhere)
            assert PeerDown("mspa", "no longer configured", clean=True) in node.events
            assert not node.is_up("mspa")

    play(scenario)


def test_nothing_is_said_to_a_neighbour_that_is_down(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node() as node:
            await node.until(up_and_heard(node), "heard")
            await node.until(lambda: sum("eor" in t for t in stage.told) == 2, "all said")
            assert not [line for line in stage.told if APNIC in line]

    play(scenario)


def test_garbage_between_the_lines_is_counted_and_harms_nothing(stage: Stage) -> None:
    async def scenario() -> None:
        garbage = ['{"type": 7}', "{", '{"type": "update"}', "not json", "done", ""]
        async with stage.node(emit=[*garbage, *SESSION]) as node:
            await node.until(up_and_heard(node), "heard")
            await node.until(lambda: sum("eor" in t for t in stage.told) == 2, "all said")
            assert node.speaker.reader.counts["malformed"] == 2
            assert node.speaker.window.unasked == 1
            assert node.faults == []

    play(scenario)


def test_ending_leaves_no_process_and_no_socket(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node() as node:
            await node.until(up_and_heard(node), "heard")
            pid = node.speaker.supervisor.pid
            assert pid is not None
        assert not Path(f"/proc/{pid}").exists()
        assert not (stage.folder / "run/bgp.sock").exists()

    play(scenario)


def test_the_file_with_secrets_is_its_owner_s_alone(stage: Stage) -> None:
    async def scenario() -> None:
        async with stage.node() as node:
            await node.until(up_and_heard(node), "heard")
            assert (stage.folder / "run/exabgp.conf").stat().st_mode & 0o777 == 0o600
            assert (stage.folder / "run/bgp.sock").stat().st_mode & 0o777 == 0o600

    play(scenario)
