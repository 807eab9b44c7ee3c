"""Secrets: read from a file of their own or from the configuration, never shown."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mapsys.config.faults import quoted
from mapsys.config.files import read_bounded, reason
from mapsys.config.scalars import FilePath
from mapsys.config.schema import Kind, Plain, Value

SECRET_LIMIT_OCTETS: Final = 4_096
"""Far above any key; a larger file is the wrong file."""

HIDDEN: Final = "***"
"""What stands for a secret wherever it is shown."""


_REVEALING: ContextVar[bool] = ContextVar("revealing", default=False)


@contextmanager
def revealing() -> Iterator[None]:
    """Within, a secret that stands in the configuration is written as it is.

    For what is kept in the state folder, and for nobody's eyes.
    """
    token = _REVEALING.set(True)
    try:
        yield
    finally:
        _REVEALING.reset(token)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret that shows as ``***``; its octets come out of :meth:`reveal` only.

    file: where it was read from; None where it stood in the configuration.
    """

    _octets: bytes
    file: Path | None = None

    def reveal(self) -> bytes:
        """The octets, at least one; for a key, and nowhere else."""
        return self._octets

    def __repr__(self) -> str:
        return HIDDEN


class SecretFile(Kind[Secret]):
    """A file that holds a secret and nothing else but a line end, readable by its owner only."""

    expects = "the path of a file that holds the secret"

    def read(self, value: Value) -> Secret:
        if not value.origin.reads_files:
            value.refuse("no file is read for what comes from elsewhere; give the secret itself")
        path = FilePath().read(value)
        try:
            octets, mode = read_bounded(path, SECRET_LIMIT_OCTETS)
        except (OSError, ValueError) as error:
            value.refuse(f"{quoted(str(path), 200)} cannot be read: {reason(error)}")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            value.refuse(
                f"{quoted(str(path), 200)} is open to others than its owner"
                f" (mode {mode & 0o777:04o}); run: chmod 600 {path}"
            )
        if len(octets) > SECRET_LIMIT_OCTETS:
            value.refuse(f"{quoted(str(path), 200)} holds more than {SECRET_LIMIT_OCTETS} octets")
        secret = octets.removesuffix(b"\n").removesuffix(b"\r")
        if not secret:
            value.refuse(f"{quoted(str(path), 200)} is empty; write the secret into it")
        return Secret(secret, path)

    def write(self, setting: Secret) -> Plain | None:
        return None if setting.file is None else str(setting.file)


class SecretText(Kind[Secret]):
    """A secret written into the configuration itself: for laboratories."""

    expects = "the secret itself"

    def read(self, value: Value) -> Secret:
        text = value.text(self.expects)
        if text == HIDDEN:
            value.refuse(f"{HIDDEN} only stands for a secret that is not shown; write the secret")
        if len(text.encode("utf-8")) > SECRET_LIMIT_OCTETS:
            value.refuse(f"the secret is longer than {SECRET_LIMIT_OCTETS} octets")
        return Secret(text.encode("utf-8"))

    def write(self, setting: Secret) -> Plain | None:
        if setting.file is not None:
            return None
        return setting.reveal().decode("utf-8") if _REVEALING.get() else HIDDEN
