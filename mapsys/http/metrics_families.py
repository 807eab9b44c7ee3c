"""Every metric family that ``/metrics`` can have: name, kind, labels and meaning.

``metrics_collect`` fills them at a scrape; ``metrics_doc`` makes docs/metrics.md of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from mapsys.datapath.counters import METRICS

PREFIX: Final = "mapsys_"


class Kind(StrEnum):
    """The types of the exposition format that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Source(StrEnum):
    """Who knows the values; the headings of docs/metrics.md."""

    DAEMON = "The daemon"
    COUNTERS = "Messages and registrations"
    SITES = "Sites one by one"
    ALT = "The ALT"
    POLLER = "The poller"
    HOOKS = "Hooks"
    HTTP = "The HTTP process"


class Family(NamedTuple):
    """One family.

    name: without prefix and without the ending that its kind adds.
    """

    name: str
    kind: Kind
    source: Source
    help: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """As a library wants it: with the prefix, without an ending."""
        return PREFIX + self.name

    @property
    def exposed_name(self) -> str:
        """As it is written in a query; a histogram's has one of three endings more."""
        ending = {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, "")
        return self.full_name + ending

    @property
    def series_names(self) -> tuple[str, ...]:
        """The names of all its series."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(self.full_name + end for end in ("_bucket", "_sum", "_count"))
        return (self.exposed_name,)


COUNTER_NAMES: Final = {
    "received": "messages_received",
    "sent": "messages_sent",
    "dropped": "messages_dropped",
    "receive_queue_dropped": "udp_receive_buffer_drops",
    "answered": "map_requests_answered",
    "replied": "map_replies",
    "injected": "map_requests_injected",
    "refused": "registrations_refused",
    "registered": "registrations_changed",
    "refreshed": "registrations_refreshed",
    "withdrawn": "registrations_withdrawn",
    "moved": "registrations_moved",
    "expired": "registrations_expired",
}
"""Counters whose exported name says more than the datapath's own; the others keep theirs."""

LABEL_NAMES: Final = {"family": "af"}

_D, _S, _A, _P, _H = Source.DAEMON, Source.SITES, Source.ALT, Source.POLLER, Source.HTTP
_W: Final = Source.HOOKS
_PEER: Final = ("instance_id", "peer")
_TUNNEL: Final = ("instance_id", "tunnel")


def counter_family(name: str) -> Family:
    """The family of one of the datapath's counters."""
    metric = METRICS[name]
    labels = tuple(LABEL_NAMES.get(label, label) for label in metric.labels)
    exported = COUNTER_NAMES.get(name, name)
    return Family(exported, Kind.COUNTER, Source.COUNTERS, metric.help, labels)


_FAMILIES: Final = (
    Family("build", Kind.INFO, _D, "The version that serves this.", ("version",)),
    Family(
        "engine",
        Kind.INFO,
        _D,
        "Which engine runs, native or pure, and why.",
        ("engine", "reason"),
    ),
    Family("daemon_up", Kind.GAUGE, _D, "Whether the daemon answered this scrape."),
    Family("config", Kind.INFO, _D, "The configuration in force.", ("hash",)),
    Family("ready", Kind.GAUGE, _D, "Whether LISP messages are served."),
    Family("degraded", Kind.GAUGE, _D, "How many things are wrong while it serves."),
    Family("start_time_seconds", Kind.GAUGE, _D, "When the daemon started, in Unix time."),
    Family("journal_writing", Kind.GAUGE, _D, "Whether the journal writes."),
    Family(
        "journal_commit_duration_seconds",
        Kind.HISTOGRAM,
        _D,
        "Time that successful commits of the journal took; Map-Notifies wait for them.",
    ),
    Family(
        "event_loop_lag_seconds",
        Kind.HISTOGRAM,
        _D,
        "How late a timer of the daemon's loop came, looked at four times a second.",
    ),
    Family(
        "map_request_duration_seconds",
        Kind.HISTOGRAM,
        _D,
        "Time from reading a batch of datagrams to its last answer, once for each Map-Request"
        " that was dealt with in it.",
    ),
    Family("config_reload_success", Kind.COUNTER, _D, "Configurations taken over on reload."),
    Family("config_reload_failed", Kind.COUNTER, _D, "Configurations refused on reload."),
    Family(
        "config_last_reload_success_timestamp_seconds",
        Kind.GAUGE,
        _D,
        "When the configuration in force was read, in Unix time.",
    ),
    Family(
        "udp_receive_buffer_bytes",
        Kind.GAUGE,
        _D,
        "Receive buffer that the system granted.",
        ("address",),
    ),
    Family(
        "sites", Kind.GAUGE, _D, "Configured sites by how much of them is registered.", ("state",)
    ),
    Family("registrations_active", Kind.GAUGE, _D, "Registrations held.", ("af",)),
    Family(
        "more_specifics",
        Kind.GAUGE,
        _D,
        "EID-Prefixes registered inside configured ones; what a limit refused is counted by"
        " mapsys_registrations_refused_total.",
    ),
    Family("more_specifics_record_bytes", Kind.GAUGE, _D, "Octets of the records held for those."),
    Family("fleet_engine_up", Kind.GAUGE, _D, "Whether the fleet's engine can be used."),
    Family("fleet_outbox_records", Kind.GAUGE, _D, "Records that the engine has yet to hear."),
    Family("fleet_members", Kind.GAUGE, _D, "Members that left word in the last 5 s."),
    Family("fleet_lag_seconds", Kind.GAUGE, _D, "From a member's write to its being heard here."),
    Family(
        "fleet_clock_skew_seconds", Kind.GAUGE, _D, "How far a member's clock is ahead of ours."
    ),
    Family("fleet_events", Kind.COUNTER, _D, "What became of records of the fleet.", ("event",)),
    *(counter_family(name) for name in METRICS),
    Family(
        "site_registered",
        Kind.GAUGE,
        _S,
        "Whether something is registered in each of the site's EID-Prefixes.",
        ("site",),
    ),
    Family(
        "site_last_registration_timestamp_seconds",
        Kind.GAUGE,
        _S,
        "When a Map-Register of the site was last accepted since the start, in Unix time.",
        ("site",),
    ),
    Family(
        "bgp_peer_state",
        Kind.GAUGE,
        _A,
        "1 for the state that the session through a tunnel is in, 0 for the others.",
        (*_PEER, "state"),
    ),
    Family(
        "bgp_routes_received",
        Kind.GAUGE,
        _A,
        "Routes that the neighbour announces at present.",
        (*_PEER, "verdict"),
    ),
    Family("bgp_routes_told", Kind.GAUGE, _A, "Routes that the neighbour was told.", _PEER),
    Family("bgp_updates_received", Kind.COUNTER, _A, "UPDATEs from the neighbour.", _PEER),
    Family("bgp_sessions_lost", Kind.COUNTER, _A, "Sessions that ended.", _PEER),
    Family(
        "alt_aggregates",
        Kind.GAUGE,
        _A,
        "Blocks of this node, own ones and those it stands in for.",
        ("instance_id", "kind", "state"),
    ),
    Family(
        "alt_suppressed_more_specifics",
        Kind.GAUGE,
        _A,
        "Routes that an announced block stands for, and that go no further.",
        ("instance_id",),
    ),
    Family(
        "alt_tunnel_packets",
        Kind.COUNTER,
        _A,
        "Packets through the tunnel.",
        (*_TUNNEL, "direction"),
    ),
    Family(
        "alt_tunnel_bytes",
        Kind.COUNTER,
        _A,
        "Octets of those packets, without the tunnel's own headers.",
        (*_TUNNEL, "direction"),
    ),
    Family(
        "alt_packets_dropped",
        Kind.COUNTER,
        _A,
        "Packets that went nowhere.",
        (*_TUNNEL, "reason"),
    ),
    Family("poller_eids", Kind.GAUGE, _P, "EIDs asked for in the last cycle."),
    Family("poller_flagged", Kind.GAUGE, _P, "EIDs that the last cycle flagged.", ("flag",)),
    Family("poller_problems", Kind.GAUGE, _P, "Things that kept the last cycle from asking."),
    Family("poller_cycles", Kind.COUNTER, _P, "Cycles completed."),
    Family("poller_interval_seconds", Kind.GAUGE, _P, "Time from cycle to cycle."),
    Family("poller_cycle_duration_seconds", Kind.GAUGE, _P, "Time that the last cycle took."),
    Family(
        "poller_last_cycle_timestamp_seconds",
        Kind.GAUGE,
        _P,
        "When the last cycle was completed, in Unix time.",
    ),
    Family(
        "poller_queries",
        Kind.COUNTER,
        _P,
        "Queries by how they ended.",
        ("map_resolver", "result"),
    ),
    Family(
        "poller_round_trip_seconds",
        Kind.HISTOGRAM,
        _P,
        "Time from a Map-Request to its Map-Reply.",
        ("map_resolver",),
    ),
    Family("hook_messages", Kind.COUNTER, _W, "Messages by how they ended.", ("url", "outcome")),
    Family("hook_attempts_failed", Kind.COUNTER, _W, "Posts that were not taken.", ("url",)),
    Family("hook_gaps", Kind.COUNTER, _W, "Times that events were missed.", ("url",)),
    Family("hook_failing", Kind.GAUGE, _W, "Whether the last post was not taken.", ("url",)),
    Family(
        "http_request_duration_seconds",
        Kind.HISTOGRAM,
        _H,
        "Time taken to answer an HTTP request.",
        ("route", "code"),
    ),
)

FAMILIES: Final[dict[str, Family]] = {family.name: family for family in _FAMILIES}
"""By name, in the order in which they are exposed."""

PROCESSES: Final = ("daemon", "http")
"""Each has families of its own, ``mapsys_daemon_process_...`` and ``mapsys_http_process_...``."""

PROCESS_SERIES: Final = {
    "process_cpu_seconds_total": "Processor time used.",
    "process_resident_memory_bytes": "Memory in use.",
    "process_virtual_memory_bytes": "Address space in use.",
    "process_open_fds": "Open file descriptors.",
    "process_max_fds": "File descriptors that it may open.",
    "process_start_time_seconds": "When the process started, in Unix time.",
}
"""What the system tells of a process, by the library that exports it."""


def series_names() -> frozenset[str]:
    """Every name that a query may use."""
    own = {name for family in FAMILIES.values() for name in family.series_names}
    return frozenset(own | {f"{PREFIX}{p}_{name}" for p in PROCESSES for name in PROCESS_SERIES})
