"""A command that runs in an overlay, as a child of the process with the privileges: ExaBGP."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from alt.netns import namespace_path
from alt.tunnel.base import TunnelError


class OverlayCommand:
    """One running command. It has no capability and ends with this process.

    pid: stays its own until :meth:`outcome` has been asked.
    """

    def __init__(self, overlay: str, command: list[str], environment: dict[str, str]) -> None:
        """environment: put over this process's own. Raises TunnelError."""
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "alt.bgp.launch"),
                    *(str(os.getpid()), namespace_path(overlay), *command),
                ],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise TunnelError(f"{command[0]} cannot be started: {error.strerror}") from error
        self.pid: Final = self._process.pid

    def take_stderr(self) -> int:
        """The read end of its standard error; the caller's to close."""
        assert self._process.stderr is not None  # asked for above
        descriptor = os.dup(self._process.stderr.fileno())
        self._process.stderr.close()
        return descriptor

    def outcome(self) -> int:
        """Its exit status, negative for a signal. Waits for the end."""
        return self._process.wait()

    def end(self) -> None:
        """Kill it if it still runs."""
        self._process.kill()
        self._process.wait()
