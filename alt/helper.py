"""The tunnel helper: ``python -m alt.helper FD``, the one process of a node with privileges.

Opens sockets, TUN devices and namespaces for the daemon, passes their descriptors
on, and runs the speaker inside the overlay. When the daemon ends, however it ends,
the helper removes what it made and ends too.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from typing import Final

import msgspec

from alt.helper_capabilities import HELPER_CAPABILITIES, keep_only
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
    receive_request,
    send_answer,
)
from alt.overlay_command import OverlayCommand
from alt.privileged import OverlayPrivileges, raw_gre
from alt.tunnel.base import TunnelError
from alt.tunnel.probe import missing_abilities
from mapsys.net.process_guard import guard_memory

Done = tuple[Answer, int | None]


class Helper:
    """Serves one daemon."""

    def __init__(self) -> None:
        self._overlays: Final[dict[str, OverlayPrivileges]] = {}
        self._commands: Final[dict[str, OverlayCommand]] = {}

    def answer(self, request: Request) -> Done:
        """Do what is asked; the descriptor is the caller's to close."""
        try:
            return self._do(request)
        except TunnelError as error:
            return Answer(error=str(error)), None

    def remove_all(self) -> None:
        """End every command and remove every overlay made."""
        for name in list(self._overlays):
            self._remove(name)

    def _do(self, request: Request) -> Done:
        match request:
            case MakeOverlay(name):
                self._overlays[name] = OverlayPrivileges(name)
            case RemoveOverlay(name):
                self._overlay(name)
                self._remove(name)
            case OpenRawGre(version):
                return Answer(), raw_gre(version).detach()
            case OpenTun(name, spec):
                return Answer(), self._overlay(name).tun(spec)
            case OpenGreLink(name, spec):
                return Answer(), self._overlay(name).gre_link(spec).detach()
            case RemoveGreLink(name, tunnel):
                self._overlay(name).remove_gre_link(tunnel)
            case StartCommand(name, command, environment):
                return self._start(name, command, environment)
            case CommandOutcome(name):
                return Answer(status=self._command(name).outcome()), None
            case Probe():
                return Answer(**missing_abilities()._asdict()), None
        return Answer(), None

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Done:
        overlay = self._overlay(name).overlay
        if (earlier := self._commands.pop(name, None)) is not None:
            earlier.end()
        started = self._commands[name] = OverlayCommand(overlay, command, environment)
        return Answer(pid=started.pid), started.take_stderr()

    def _remove(self, name: str) -> None:
        if (command := self._commands.pop(name, None)) is not None:
            command.end()
        self._overlays.pop(name).remove()

    def _command(self, name: str) -> OverlayCommand:
        command = self._commands.get(name)
        if command is None:
            raise TunnelError(f"no command was started in the overlay {name}")
        return command

    def _overlay(self, name: str) -> OverlayPrivileges:
        overlay = self._overlays.get(name)
        if overlay is None:
            raise TunnelError(f"the overlay {name} was not made by this helper")
        return overlay


def serve(channel: socket.socket, daemon_pid: int) -> None:
    """Answer requests until the daemon closes its end or is gone; then remove everything."""
    helper = Helper()
    # Its end of the channel may live on in some child of a killed daemon.
    daemon = os.pidfd_open(daemon_pid)
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    waiting.register(daemon, select.POLLIN)
    try:
        while all(descriptor != daemon for descriptor, _ in waiting.poll()):
            try:
                request = receive_request(channel)
            except msgspec.MsgspecError as error:
                send_answer(channel, Answer(error=f"not a request: {error}"), None)
                continue
            if request is None:
                return
            answer, descriptor = helper.answer(request)
            try:
                send_answer(channel, answer, descriptor)
            finally:
                if descriptor is not None:
                    os.close(descriptor)
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        helper.remove_all()
        os.close(daemon)


def main() -> None:
    """Take the channel's descriptor from the command line and serve."""
    # A stop signal to the whole service reaches the daemon too, which then ends
    # in order; the helper has to outlive it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_only(HELPER_CAPABILITIES)
    # After that: a change of capabilities makes a process dumpable again.
    guard_memory()
    serve(socket.socket(fileno=int(sys.argv[1])), os.getppid())


if __name__ == "__main__":
    main()
