"""The daemon's side of the tunnel helper: starts it, asks it, keeps no privilege itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from alt.helper_messages import (
    Answer,
    CommandOutcome,
    MakeOverlay,
    OpenGreLink,
    OpenRawGre,
    OpenTun,
    Probe,
    RemoveGreLink,
    RemoveOverlay,
    Request,
    StartCommand,
    receive_answer,
    send_request,
)
from alt.tunnel.base import TunnelError, TunnelSpec
from alt.tunnel.probe import Abilities

ANSWER_SECONDS: Final = 20.0
"""The longest wait for an answer; the usual one is some milliseconds."""

END_SECONDS: Final = 20.0


class StartedCommand(NamedTuple):
    """A command in an overlay.

    pid: its own until its outcome has been asked. stderr: a descriptor to read.
    """

    pid: int
    stderr: int


class TunnelHelper:
    """One helper process, for all ALT instances of a node.

    Start it before dropping capabilities. Its answers are waited for, usually some
    milliseconds; any thread may ask.
    """

    def __init__(self) -> None:
        """Starts the process. Raises TunnelError."""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(ANSWER_SECONDS)
        self._turn = threading.Lock()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "alt.helper", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )
            except OSError as error:
                self._channel.close()
                raise TunnelError(f"the tunnel helper cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def probe(self) -> Abilities:
        """What each backend misses here. Raises TunnelError."""
        answer, _ = self._ask(Probe())
        return Abilities(answer.kernel, answer.userspace)

    def raw_gre(self, version: int) -> socket.socket:
        """The underlay side of userspace tunnels of one outer IP version. Raises TunnelError."""
        return self.ask_socket(OpenRawGre(version))

    def make_overlay(self, name: str) -> HelpedOverlay:
        """Raises TunnelError."""
        self.ask(MakeOverlay(name))
        return HelpedOverlay(self, name)

    def remove_overlay(self, name: str) -> None:
        """Raises TunnelError."""
        self.ask(RemoveOverlay(name))

    def start_command(
        self, overlay: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> StartedCommand:
        """Run a command in an overlay, in place of an earlier one. Raises TunnelError."""
        request = StartCommand(overlay, list(command), dict(environment))
        answer, descriptor = self._ask(request)
        return StartedCommand(answer.pid, _inherited_by_nobody(descriptor))

    def command_outcome(self, overlay: str) -> int:
        """The exit status of an overlay's command that has ended. Raises TunnelError."""
        answer, _ = self._ask(CommandOutcome(overlay))
        return answer.status

    def ask(self, request: Request) -> None:
        """Have something done that opens nothing. Raises TunnelError."""
        self._ask(request)

    def ask_descriptor(self, request: Request) -> int:
        """Have something opened. Raises TunnelError."""
        _, descriptor = self._ask(request)
        return _inherited_by_nobody(descriptor)

    def ask_socket(self, request: Request) -> socket.socket:
        """Have a socket opened; it does not block. Raises TunnelError."""
        opened = socket.socket(fileno=self.ask_descriptor(request))
        opened.setblocking(False)
        return opened

    def stop(self) -> None:
        """Have it remove what it made, and wait for its end; kill it if that does not come."""
        self._channel.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, request: Request) -> tuple[Answer, int | None]:
        try:
            with self._turn:
                send_request(self._channel, request)
                answer, descriptor = receive_answer(self._channel)
        except (OSError, EOFError) as error:
            raise TunnelError(
                f"the tunnel helper does not answer ({error}); restart the node"
            ) from error
        if answer.error:
            raise TunnelError(answer.error)
        return answer, descriptor


def _inherited_by_nobody(descriptor: int | None) -> int:
    if descriptor is None:
        raise TunnelError("the tunnel helper answered without a descriptor")
    os.set_inheritable(descriptor, False)
    return descriptor


class HelpedOverlay:
    """Privileges by asking the helper."""

    def __init__(self, helper: TunnelHelper, overlay: str) -> None:
        self._helper = helper
        self.overlay = overlay

    def tun(self, spec: TunnelSpec) -> int:
        return self._helper.ask_descriptor(OpenTun(self.overlay, spec))

    def gre_link(self, spec: TunnelSpec) -> socket.socket:
        return self._helper.ask_socket(OpenGreLink(self.overlay, spec))

    def remove_gre_link(self, name: str) -> None:
        self._helper.ask(RemoveGreLink(self.overlay, name))
