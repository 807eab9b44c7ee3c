"""ExaBGP's configuration file: written aside, validated, and only then put in place.

A reload of a wrong file leaves ExaBGP's parser in a state in which every later
reload fails, so no file gets there that ExaBGP itself has not accepted.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from alt.bgp.dialect import Dialect

VALIDATION_SECONDS: Final = 30.0
"""Starting the validator takes about half a second; this is for a machine in trouble."""


class ConfRefusedError(Exception):
    """ExaBGP does not accept a file; the one in place stays."""


class ConfFile:
    """The file at a path, readable by its owner only: it holds TCP MD5 secrets."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path = path
        self._dialect = dialect
        self._one_at_a_time = asyncio.Lock()

    async def check(self, text: str) -> None:
        """Ask whether ExaBGP would accept a text. Raises as :meth:`replace` does."""
        await self._try(text, put_in_place=False)

    async def replace(self, text: str) -> None:
        """Put a new text in place, if ExaBGP accepts it.

        Raises ConfRefusedError with ExaBGP's reason, OSError where the file cannot
        be written.
        """
        await self._try(text, put_in_place=True)

    async def _try(self, text: str, *, put_in_place: bool) -> None:
        async with self._one_at_a_time:
            await self._try_draft(text, put_in_place)

    async def _try_draft(self, text: str, put_in_place: bool) -> None:
        draft = self.path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            await self._validate(draft)
            if put_in_place:
                os.replace(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)

    async def _validate(self, draft: Path) -> None:
        validator = await asyncio.create_subprocess_exec(
            *self._dialect.validate(draft),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(validator.communicate(), VALIDATION_SECONDS)
        except TimeoutError:
            validator.kill()
            await validator.wait()
            raise ConfRefusedError(
                f"{self._dialect.program} did not finish checking its configuration"
                f" within {VALIDATION_SECONDS:.0f} s"
            ) from None
        if validator.returncode != 0:
            raise ConfRefusedError(_reason(output.decode("utf-8", "replace")))


def _reason(output: str) -> str:
    """What a person needs of the validator's output; never a line with a secret."""
    lines = (line.strip() for line in output.splitlines())
    return "; ".join(line for line in lines if line and "password" not in line)[:500]
