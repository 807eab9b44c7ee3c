"""The tutorial and the how-to pages that follow it: typed into a shell, line by line.

The shell has a network of its own, so that the addresses are those that stand in the pages.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pytest

from tests.programs import require_program
from tests.repo.installed import INSTALLED_BY, installed_mark
from tests.repo.pages import DOCS, typed_in

pytestmark = [pytest.mark.needs_root, pytest.mark.netns]

ROOT: Final = DOCS.parent
TUTORIAL: Final = "tutorial.md"
GOING_ON: Final = (
    "howto/register-a-site.md",
    "howto/rotate-a-key.md",
    "howto/move-a-host.md",
    "howto/api-tokens.md",
    "howto/reload-on-trial.md",
    "howto/backup-and-restore.md",
)
UNREACHABLE: Final = "(exit code 4)"
ATTEMPTS: Final = 60

VARIES: Final = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "WHEN"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"0x[0-9a-f]{16}", "NONCE"),
    (r"mapsys_[\w-]{43}", "TOKEN"),
    (r"sha256:[0-9a-f]{64}", "HASH"),
    (r"^[\w-]{43}$", "SECRET"),
    (r"\d+\.\d+(?= s(?:ecs)?\b)", "SECONDS"),
    (r"\d+ files, \d+ octets", "SIZE"),
    (r" +", " "),
)


def shape(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, name in VARIES:
        line = re.sub(pattern, name, line)
    return line.strip()


def fits(expected: tuple[str, ...], said: list[str]) -> bool:
    """Whether the lines are those; ``...`` is any number of them, or the rest of one."""
    lines = [re.escape(shape(line)).replace(r"\.\.\.", ".*") for line in expected]
    some = r"(?:(?!\(exit code).*\n)*"
    pattern = "".join(some if line == ".*" else line + "\n" for line in lines)
    text = "".join(shape(line) + "\n" for line in said)
    return re.fullmatch(pattern, text) is not None


def installed_clone(folder: Path) -> Path:
    """A clone in which the tests' own environment is the one that was installed."""
    clone = folder / "clone"
    (clone / ".venv").mkdir(parents=True)
    for name in ("scripts", "mapsys", "alt", *INSTALLED_BY):
        (clone / name).symlink_to(ROOT / name)
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(".installed-"):
            (clone / ".venv" / entry.name).symlink_to(entry)
    (clone / ".venv" / ".installed-run").write_text(installed_mark(clone), encoding="utf-8")
    return clone


class Shell:
    """A shell in a network namespace of its own, with loopback alone in it."""

    def __init__(self, folder: Path) -> None:
        kept = ("PATH", "LANG", "PYTHONDONTWRITEBYTECODE")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        unshare = require_program("unshare", "util-linux")
        ip = require_program("ip", "iproute2")
        self._process = subprocess.Popen(
            [unshare, "--net", "sh", "-c", f"{ip} link set lo up && exec bash"],
            cwd=installed_clone(folder),
            env={**environment, "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "250"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._in: IO[str] = self._process.stdin  # type: ignore[assignment]
        self._out: IO[str] = self._process.stdout  # type: ignore[assignment]

    def type(self, command: str) -> list[str]:
        """What a command says, as soon as a node that starts lets it through."""
        for _ in range(ATTEMPTS):
            said = self.type_once(command)
            if said[-1:] != [UNREACHABLE]:
                break
            self.type_once("sleep 0.5")
        return said

    def type_once(self, command: str) -> list[str]:
        """What a command says; where it ends with an exit code, that as well."""
        self._in.write(f"{command}\nprintf '\\nend: %s\\n' $?\n")
        self._in.flush()
        said: list[str] = []
        for line in self._out:
            if line.startswith("end: "):
                break
            if not line.startswith("bash: line "):  # of a job that was killed
                said.append(line.rstrip("\n"))
        else:
            pytest.fail(f"the shell ended at: {command}")
        code = line.removeprefix("end: ").strip()
        assert said.pop() == "", f"the last line of what was said is cut off: {command}"
        return said if code == "0" else [*said, f"(exit code {code})"]

    def end(self) -> None:
        """End it with all that it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.end()


@pytest.mark.parametrize(
    "pages",
    [(TUTORIAL,), pytest.param((TUTORIAL, *GOING_ON), marks=pytest.mark.slow)],
    ids=["tutorial", "how-to"],
)
def test_what_the_pages_say_comes_of_what_they_tell_to_type(
    pages: tuple[str, ...], shell: Shell
) -> None:
    for page in pages:
        commands = typed_in(DOCS / page)
        assert commands, page
        for typed in commands:
            said = shell.type(typed.command)
            assert fits(typed.said, said), "\n".join((page, "$ " + typed.command, *said))
