"""What a page tells its reader to type, and what it says that comes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"

_CONSOLE: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE_DOCUMENT: Final = re.compile(r"<<'?(\w+)'?$")


@dataclass(frozen=True, slots=True)
class Typed:
    """A command with its here-document, and the lines that are to follow."""

    command: str
    said: tuple[str, ...]


def typed_in(page: Path) -> list[Typed]:
    """Every command of the page's console blocks, in their order."""
    found: list[Typed] = []
    for block in _CONSOLE.findall(page.read_text(encoding="utf-8")):
        lines = block.splitlines()
        while lines:
            command = lines.pop(0).removeprefix("$ ")
            here = _HERE_DOCUMENT.search(command)
            while here:
                command += "\n" + lines.pop(0)
                if command.endswith("\n" + here[1]):
                    break
            said = []
            while lines and not lines[0].startswith("$ "):
                said.append(lines.pop(0))
            found.append(Typed(command, tuple(said)))
    return found
