"""``python -m mapsys.http.metrics_doc``: docs/metrics.md, made of the families themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mapsys.datapath.counters import MESSAGE_TYPES, UNKNOWN_TYPE
from mapsys.eid import Family as EidFamily
from mapsys.http.metrics_alt import PEER_STATES
from mapsys.http.metrics_families import (
    FAMILIES,
    PREFIX,
    PROCESS_SERIES,
    PROCESSES,
    Family,
    Source,
)
from mapsys.poller.results import Flag, Result
from mapsys.site_states import SiteState

INTRODUCTION: Final = """\
# Metrics

`/metrics` answers with Prometheus text, or OpenMetrics where `Accept` asks for it. Everything is
read from the daemon when it is scraped: plain numbers that the path of a packet counts up, and
nothing is walked, however many sites and registrations there are. While the daemon is away
`mapsys_daemon_up` is 0 and the families that come from it are missing.

No label ever holds an EID or anything else that a sender could make up. The families of single
sites are there with `metrics: {per-site: true}` alone, those of the poller and of hooks where the
section `poller:` or `hooks:` is configured.

The durations are those of the daemon itself. A Map-Request counts with the whole turn of the loop
in which it was read and answered, which costs two looks at the clock for a batch of up to 64
datagrams and is never less than the truth; the time that it lay in the receive buffer before is
not in it, so look at `mapsys_event_loop_lag_seconds` and `mapsys_udp_receive_buffer_drops_total`
beside it.

Rules and alerts are in `deploy/prometheus/rules/`, dashboards in `deploy/grafana/`. This page is
made by `python -m mapsys.http.metrics_doc`.
"""

_WORDS_OF_FAILURES: Final = "the words of [failures.md](failures.md)"


def _words(values: Iterator[str] | list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


LABELS: Final = {
    "address": "a control socket, as `127.0.0.1:4342`",
    "af": _words([family.name.lower().replace("_", "-") for family in EidFamily])
    + "; of datagrams the first two",
    "action": "`none` for locators; else the action of the negative answer (RFC 9301, 5.4)",
    "event": "`written` to the engine, `adopted` from it, `refused` as not allowed here or"
    " damaged, `overwritten` acknowledged changes, `replayed` ones, `resyncs`, `failures`",
    "budget": "as in the configuration's `rate-limits`: `requests-per-source`,"
    " `replies-per-destination`, `replies-per-prefix`, `registers-per-site`",
    "change": "`first` for a new registration, `changed` for other locators",
    "code": "the HTTP status",
    "direction": "`in`, `out`",
    "engine": "`native`, `pure`",
    "flag": _words([flag.value for flag in Flag]),
    "hash": "of the whole configuration; equal hashes, equal settings",
    "instance_id": "of the ALT instance",
    "kind": "of what was repeated: `request` for Map-Requests, `refresh` for Map-Registers;"
    " of blocks: `own`, `backup`",
    "map_resolver": "a Map-Resolver that the poller asks, as `192.0.2.1:4342`",
    "outcome": "`proxy-reply`, `negative`, `forward` (ETR or Map-Server), `alt`, `subscribed`;"
    " of a hook's messages: `delivered`, `given-up`",
    "reason": f"{_WORDS_OF_FAILURES}; of the engine: why it runs",
    "result": _words([result.value for result in Result]),
    "route": "the pattern of an HTTP path",
    "site": "the name of a configured site",
    "peer": "the name of the tunnel that leads to the neighbour",
    "state": "of sites: "
    + _words([state.value for state in SiteState])
    + "; of sessions: "
    + _words([*PEER_STATES])
    + "; of blocks: `announced`, `withdrawn`",
    "tunnel": "its name; `none` for what belongs to none",
    "type": _words([*MESSAGE_TYPES.values(), UNKNOWN_TYPE])
    + "; of what was dropped, `InfoRequest` too",
    "url": "of a hook, as configured",
    "verdict": "`accepted`, or `refused` by policy",
    "version": "of mapsys",
}
"""What the values of each label are: a closed set, or names out of the configuration."""


def markdown() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_tables(), *_labels()]) + "\n"


def _tables() -> Iterator[str]:
    for source in Source:
        yield f"## {source.value}\n"
        yield "| Metric | Type | Labels | Meaning |"
        yield "| --- | --- | --- | --- |"
        for family in FAMILIES.values():
            if family.source is source:
                yield _row(family)
        if source is Source.HTTP:
            yield ""
            yield from _processes()
        yield ""


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.exposed_name}` | {family.kind.value} | {labels} | {family.help} |"


def _processes() -> Iterator[str]:
    names = " and ".join(f"`{PREFIX}{process}_process_`" for process in PROCESSES)
    yield f"Of each process, after {names}:\n"
    yield "| Metric | Meaning |"
    yield "| --- | --- |"
    for name, text in PROCESS_SERIES.items():
        yield f"| `{name.removeprefix('process_')}` | {text} |"


def _labels() -> Iterator[str]:
    yield "## Labels\n"
    yield "| Label | Values |"
    yield "| --- | --- |"
    for label in sorted({label for family in FAMILIES.values() for label in family.labels}):
        yield f"| `{label}` | {LABELS[label]} |"


if __name__ == "__main__":
    print(markdown(), end="")
