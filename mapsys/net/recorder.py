"""Every control message that comes in, written to a file in the form of ``tests/scenarios``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Self, TextIO

from mapsys.core.effects import Datagram
from mapsys.net.log import Event, Logger

OCTETS_LIMIT: Final = 256 * 1024 * 1024
"""Of one recording: a forgotten option fills no disk."""


class Recorder:
    """Writes a line for each datagram until it is closed, the file is full, or writing fails."""

    def __init__(self, file: TextIO, log: Logger, *, octets_limit: int = OCTETS_LIMIT) -> None:
        self._file = file
        self._log = log
        self._left = octets_limit
        self._began: float | None = None
        log.info(Event.RECORDING, file=file.name)

    @classmethod
    def create(cls, path: Path, log: Logger) -> Self:
        """Record to a new file. Raises OSError, also where there is one already."""
        # Messages show who registers what, so nobody but the owner reads them.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(descriptor)
        return cls(path.open("w", buffering=1, encoding="utf-8"), log)

    def note(self, datagram: Datagram, now: float) -> None:
        """Write one datagram down. now: seconds on the core's clock."""
        if self._file.closed:
            return
        if self._began is None:
            self._began = now
        held = {
            "at": round(now - self._began, 6),
            "from": str(datagram.source),
            "to": str(datagram.local),
            "hex": datagram.data.hex(),
        }
        line = json.dumps(held) + "\n"
        self._left -= len(line)
        if self._left < 0:
            self._end("the file has reached its limit")
            return
        try:
            self._file.write(line)
        except OSError as error:
            self._end(error.strerror or str(error))

    def close(self) -> None:
        """Write no more."""
        if not self._file.closed:
            self._end("the node ends")

    def _end(self, why: str) -> None:
        try:
            self._file.close()
        except OSError as error:
            # What was buffered is lost to the same fault; the recording is over either way.
            why = error.strerror or str(error)
        self._log.info(Event.RECORDING_ENDED, why=why)
