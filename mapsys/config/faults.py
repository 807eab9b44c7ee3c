"""What is wrong with a configuration, and where: collected, then told all at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

FAULT_LIMIT: Final = 500
"""Faults told in one run; a file with more is not a configuration at all."""


class Fault(NamedTuple):
    """One thing that is wrong; sorts by where it stands.

    file: as it was named, or as the including file led to it.
    line, column: counted from 1, in characters; 0 where the whole file is meant.
    path: the key path, as in ``sites[2].eids[0].prefix``; may be empty.
    message: what was found, what is allowed, how to mend it.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class Place(NamedTuple):
    """Where something stands, without anything being wrong with it; as in :class:`Fault`."""

    file: str
    line: int
    column: int
    path: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ConfigError(Exception):
    """A configuration that cannot be used. Nothing was changed because of it.

    faults: at least one, sorted by file, line and column.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class TooManyFaultsError(Exception):
    """Raised by :class:`Faults` once its limit is reached, to stop reading."""


class Faults:
    """Collects the faults of one run over all files."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Note a fault. Raises TooManyFaultsError when it is one too many to tell."""
        if len(self._faults) >= FAULT_LIMIT:
            raise TooManyFaultsError
        self._faults.append(fault)

    def all(self) -> list[Fault]:
        """Everything noted so far, sorted."""
        return sorted(set(self._faults))

    def raise_if_any(self) -> None:
        """Raises ConfigError with everything noted so far."""
        if self._faults:
            raise ConfigError(self._faults)


def quoted(text: str, limit: int = 60) -> str:
    """What was found, fit for one line of a message: escaped, and cut when long."""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
