"""The programs that the lab drives, and how one is started in a network namespace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import IO, Final

from mapsys.lab.errors import LabError

PACKAGES: Final = {
    "bird": "bird2",
    "birdc": "bird2",
    "zebra": "frr",
    "bgpd": "frr",
    "staticd": "frr",
    "vtysh": "frr",
    "gobgpd": "gobgpd",
    "gobgp": "gobgpd",
    "ip": "iproute2",
    "tcpdump": "tcpdump",
    "tshark": "tshark",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
"""By program, the Debian package that brings it."""

_BESIDE_PATH: Final = ("/usr/sbin", "/sbin", "/usr/lib/frr")
"""Where Debian keeps servers."""

_PATIENCE_SECONDS: Final = 60.0
_END_SECONDS: Final = 60.0


def program(name: str) -> str:
    """The path of one of PACKAGES. Raises LabError."""
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), *_BESIDE_PATH))
    found = shutil.which(name, path=search)
    if found is None:
        raise LabError(
            f"{name} is not installed; the lab needs it: apt-get install {PACKAGES[name]}"
        )
    return found


def ask(namespace: str, *command: str) -> str:
    """What a command in a network namespace prints. Raises LabError where it fails."""
    done = subprocess.run(
        [program("nsenter"), f"--net=/run/netns/{namespace}", *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )
    if done.returncode:
        raise LabError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Running:
    """A process in a network namespace; it does not outlive the lab, however that ends.

    Made by the lab's main thread only: a process is bound to the thread that started it.
    """

    def __init__(
        self,
        namespace: str,
        command: list[str],
        log: Path,
        *,
        talks: bool = False,
    ) -> None:
        """log: where it writes its errors, and its output too unless it talks.

        talks: whether its input and output are pipes to here.
        """
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(program("setpriv"), "--pdeathsig", "TERM"),
                    *(program("nsenter"), f"--net=/run/netns/{namespace}"),
                    *command,
                ],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else output,
                stderr=output,
            )
        self._log = log
        self._name = Path(command[0]).name

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def line(self) -> str:
        """The next line of one that talks. Raises LabError where it ended instead."""
        output: IO[bytes] | None = self._process.stdout
        assert output is not None
        line = output.readline()
        if not line:
            raise LabError(f"{self._name} ended; its last words: {self.last_words()}")
        return line.decode()

    def require_running(self) -> None:
        """Raises LabError."""
        if self._process.poll() is not None:
            raise LabError(f"{self._name} ended; its last words: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace").strip()[-500:]

    def kill(self) -> None:
        """End it without a word, as a power failure would."""
        self._process.kill()
        self._process.wait(_END_SECONDS)

    def ask_to_end(self) -> None:
        """Begin to end it in order; one that talks ends with its input."""
        if self._process.stdin is None:
            self._process.send_signal(signal.SIGTERM)
        else:
            self._process.stdin.close()

    def end(self) -> None:
        """See to it that it has ended; kill it where it does not."""
        self.ask_to_end()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
