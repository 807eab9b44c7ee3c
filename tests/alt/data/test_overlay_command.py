"""The helper runs a command in an overlay for a daemon that may not enter it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alt.bgp.process import StartFailedError
from alt.helped_process import HelpedProcess, start_in_overlay
from alt.helper_client import TunnelHelper
from alt.netns import remove_overlay
from alt.tunnel.base import TunnelError
from tests.alt.data.lab import WAIT_SECONDS, Underlay, underlay

pytestmark = pytest.mark.netns

_TELL = """
import json, os, socket, sys
status = open("/proc/self/status").read()
listener = socket.create_server(("127.0.0.1", 179))
facts = {
    "net": os.readlink("/proc/self/ns/net"),
    "capabilities": status.partition("CapEff:")[2].split()[0],
    "word": os.environ["WORD"],
}
print(json.dumps(facts), file=sys.stderr, flush=True)
sys.stdin.read()
__import__("time").sleep(600)
"""


@pytest.fixture
def net() -> Iterator[Underlay]:
    with underlay() as made:
        yield made


@pytest.fixture
def helper() -> Iterator[TunnelHelper]:
    running = TunnelHelper()
    yield running
    running.stop()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def start(helper: TunnelHelper, overlay: str, code: str = _TELL) -> asyncio.Task[HelpedProcess]:
    command = [sys.executable, "-c", code]
    return asyncio.ensure_future(start_in_overlay(helper, overlay, command, {"WORD": "told"}))


def test_a_command_is_inside_without_capabilities_and_ends_as_it_is_told(
    net: Underlay, helper: TunnelHelper
) -> None:
    overlay = helper.make_overlay(net.overlay(1)).overlay

    async def scenario() -> None:
        process = await start(helper, overlay)
        facts = json.loads(await asyncio.wait_for(process.stderr.readline(), WAIT_SECONDS))
        assert facts["net"] != os.readlink("/proc/self/ns/net")
        assert int(facts["capabilities"], 16) == 0
        assert facts["word"] == "told"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), WAIT_SECONDS) == -signal.SIGTERM
        process = await start(helper, overlay, "raise SystemExit(7)")
        assert await asyncio.wait_for(process.wait(), WAIT_SECONDS) == 7
        process.send_signal(signal.SIGKILL)

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["another command", "the overlay goes", "the helper goes"])
def test_a_command_does_not_outlive_its_place(
    net: Underlay, helper: TunnelHelper, how: str
) -> None:
    overlay = helper.make_overlay(net.overlay(1)).overlay

    async def scenario() -> None:
        process = await start(helper, overlay)
        await asyncio.wait_for(process.stderr.readline(), WAIT_SECONDS)
        if how == "another command":
            await start(helper, overlay)
        elif how == "the overlay goes":
            helper.remove_overlay(overlay)
        else:
            os.kill(helper.pid, signal.SIGKILL)
        deadline = time.monotonic() + WAIT_SECONDS
        while is_alive(process.pid):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        if how == "the helper goes":
            assert await asyncio.wait_for(process.wait(), WAIT_SECONDS) == -signal.SIGKILL

    try:
        asyncio.run(scenario())
    finally:
        remove_overlay(overlay)  # a helper that is gone leaves it to the next start


def test_what_cannot_be_started_is_said(net: Underlay, helper: TunnelHelper) -> None:
    with pytest.raises(TunnelError, match="no command was started in the overlay nowhere"):
        helper.command_outcome("nowhere")

    async def scenario() -> None:
        with pytest.raises(StartFailedError, match="the overlay nowhere was not made"):
            await start(helper, "nowhere")
        overlay = helper.make_overlay(net.overlay(1)).overlay
        process = await start_in_overlay(helper, overlay, ["/no/such/program"], {})
        said = await asyncio.wait_for(process.stderr.read(), WAIT_SECONDS)
        assert b"/no/such/program: No such file or directory" in said
        assert await asyncio.wait_for(process.wait(), WAIT_SECONDS) == 1

    asyncio.run(scenario())
