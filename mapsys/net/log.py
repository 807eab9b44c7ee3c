"""The daemon's log: text on a terminal, else a JSON object a line; a closed set of names."""

from __future__ import annotations

import sys
from contextlib import suppress
from enum import StrEnum
from typing import TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor


class Event(StrEnum):
    """Every event name the daemon logs; docs/failures.md says what to do about them."""

    LISTENING = "listening"
    RECEIVE_BUFFER_SMALL = "receive-buffer-small"
    STATE_DAMAGED = "state-damaged"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CONFIG_WARNING = "config-warning"
    CONFIG_FAULT = "config-fault"
    RELOAD_CHANGE = "reload-change"
    RELOADED = "reloaded"
    RELOAD_REFUSED = "reload-refused"
    MESSAGE_DROPPED = "message-dropped"
    REGISTER_REFUSED = "register-refused"
    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    MESSAGE_FAILED = "message-failed"
    JOURNAL_FAILED = "journal-failed"
    JOURNAL_WRITES = "journal-writes"
    CHILD_STARTED = "child-started"
    CHILD_ENDED = "child-ended"


Logger = FilteringBoundLogger


class _Lines:
    """A stream whose failure costs lines, not the service: a full disk, a reader that left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def open_log(stream: TextIO | None = None) -> Logger:
    """A logger to a stream, standard error by default."""
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    render: Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    )
    time_format = "%H:%M:%S" if terminal else "iso"
    logger: Logger = structlog.wrap_logger(
        structlog.WriteLogger(cast(TextIO, _Lines(out))),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt=time_format, utc=not terminal),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return logger
