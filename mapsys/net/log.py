"""The daemon's log: text on a terminal, else a JSON object a line; a closed set of names."""

from __future__ import annotations

import sys
from contextlib import suppress
from enum import StrEnum
from typing import TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor


class Event(StrEnum):
    """Every event name that the daemon logs, each with the facts beside it."""

    LISTENING = "listening"
    """A control socket is open: address, receive_buffer_octets."""
    RECEIVE_BUFFER_SMALL = "receive-buffer-small"
    """The system granted less than was asked for: problem, with what to type."""
    READY = "ready"
    """Serving: sites, restored (registrations that the journal held)."""
    STOPPING = "stopping"
    """Told to end."""
    STOPPED = "stopped"
    """Everything is committed and closed: registrations."""
    STATE_DAMAGED = "state-damaged"
    """Stored rows were left out: finding."""
    STATE_MENDED = "state-mended"
    """The state folder was open to others, and is closed to them now: finding."""
    CONFIG_WARNING = "config-warning"
    """Allowed, but probably not meant: warning."""
    CONFIG_FAULT = "config-fault"
    """One fault of a configuration that was not taken over: fault."""
    RELOAD_CHANGE = "reload-change"
    """One thing that a reload changed: change."""
    RELOADED = "reloaded"
    """The new configuration is in force: dropped (registrations no longer allowed)."""
    RELOAD_REFUSED = "reload-refused"
    """The old configuration stays in force: why."""
    RELOAD_CONFIRMED = "reload-confirmed"
    """What was on trial stays: by."""
    RELOAD_ROLLED_BACK = "reload-rolled-back"
    """The configuration from before is in force again: why."""
    STOP_ORDER = "stop-order"
    """An operator had the daemon end: by."""
    LAMEDUCK = "lameduck"
    """Told to end, and serving on meanwhile: seconds."""
    MESSAGE_DROPPED = "message-dropped"
    """A message got silence: message, reason, source, site where one is known."""
    REGISTER_REFUSED = "register-refused"
    """Policy refused an authenticated Map-Register: site, reason, detail, source."""
    REGISTERED = "registered"
    """A registration is new (first) or changed: site, eid, source."""
    WITHDRAWN = "withdrawn"
    """An owner removed its registration: site, eid."""
    MOVED = "moved"
    """Another xTR took over: site, eid, source."""
    EXPIRED = "expired"
    """A lifetime ran out: site, eid."""
    SUBSCRIPTION = "subscription"
    """A subscription was made or ended: change, eid, xtr."""
    PUBLICATIONS_LOST = "publications-lost"
    """Subscribers will not hear of some changes: count."""
    NONCE_FORGOTTEN = "nonce-forgotten"
    """An operator let an xTR start again: site, key_id, xtr_id, nonce, by."""
    SITE_ORDER = "site-order"
    """A site of the database, or a key of one, was changed: what, site, by."""
    SUPPRESSED = "suppressed"
    """Lines held back in the last interval: of (event), about (what they shared), suppressed."""
    FAULT = "fault"
    """A bug in this program, with its traceback; it went on."""
    JOURNAL_FAILED = "journal-failed"
    """Nothing can be committed: problem. Map-Registers are refused until it can."""
    JOURNAL_WRITES = "journal-writes"
    """It can again."""
    CHILD_STARTED = "child-started"
    """child, pid."""
    CHILD_ENDED = "child-ended"
    """child, outcome, again_in_seconds."""
    ALT_PEER_UP = "alt-peer-up"
    """A BGP session of the ALT is established: instance_id, peer."""
    ALT_PEER_DOWN = "alt-peer-down"
    """One has ended: instance_id, peer, why."""
    ALT_ROUTE_REFUSED = "alt-route-refused"
    """Policy refused a route: instance_id, peer (none: an own one), eid, reason, delegation."""
    ALT_FAULT = "alt-fault"
    """Something of the ALT failed and is dealt with: instance_id, kind, problem."""
    ALT_ORDER = "alt-order"
    """An operator began an operation: kind, names, instance_id, by."""
    FLEET_JOINED = "fleet-joined"
    """The fleet's engine is used, or is again: detail."""
    FLEET_AWAY = "fleet-away"
    """The fleet's engine cannot be used: detail, the reason."""
    FLEET_RESYNC = "fleet-resync"
    """The engine began anew, or another took its place; it is brought up to date: detail."""
    FLEET_OVERWRITTEN = "fleet-overwritten"
    """A change acknowledged here gave way to a later one elsewhere: detail."""
    FLEET_REFUSED = "fleet-refused"
    """What the engine holds is not taken over: detail, what and why."""
    SUMMARY = "summary"
    """Every half an hour: sites, registrations, received, refused (since the start)."""
    RECORDING = "recording"
    """Every control message is written down: file."""
    RECORDING_ENDED = "recording-ended"
    """No more is: why."""


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
