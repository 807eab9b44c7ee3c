"""The speaker as a child of the tunnel helper, seen from the daemon, which needs no privilege."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from alt.bgp.process import StartFailedError
from alt.helper_client import TunnelHelper
from alt.tunnel.base import TunnelError


class HelpedProcess:
    """A command in an overlay (``alt.bgp.process.SpeakerProcess``)."""

    def __init__(
        self, helper: TunnelHelper, overlay: str, pid: int, stderr: asyncio.StreamReader
    ) -> None:
        self._helper = helper
        self._overlay = overlay
        self._handle = os.pidfd_open(pid)
        self._has_ended = False
        self.pid = pid
        self.stderr = stderr

    async def wait(self) -> int:
        """Its exit status; SIGKILL's where the helper is gone too, which takes it along."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self._handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._handle)
        try:
            return await asyncio.to_thread(self._helper.command_outcome, self._overlay)
        except TunnelError:
            return -signal.SIGKILL
        finally:
            self._has_ended = True
            os.close(self._handle)

    def send_signal(self, number: signal.Signals) -> None:
        if self._has_ended:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)


async def start_in_overlay(
    helper: TunnelHelper, overlay: str, command: Sequence[str], environment: Mapping[str, str]
) -> HelpedProcess:
    """Have the helper start a command. Raises StartFailedError."""
    try:
        pid, descriptor = await asyncio.to_thread(
            helper.start_command, overlay, command, environment
        )
    except TunnelError as error:
        raise StartFailedError(str(error)) from error
    stderr = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stderr), os.fdopen(descriptor, "rb", buffering=0)
    )
    return HelpedProcess(helper, overlay, pid, stderr)
