"""What is counted, under names from closed sets, and the one place where effects become counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from mapsys.core.effects import (
    Answered,
    Dropped,
    Effect,
    Expired,
    Inject,
    Moved,
    PublicationsLost,
    Published,
    Refreshed,
    Refused,
    Registered,
    SubscriptionChanged,
    Withdrawn,
)
from mapsys.wire.records import Action


class Metric(NamedTuple):
    """What a counter means, and what its labels tell apart."""

    help: str
    labels: tuple[str, ...] = ()


METRICS: Final[dict[str, Metric]] = {
    "received": Metric("Datagrams received on the control port.", ("type", "family")),
    "sent": Metric("Datagrams sent from the control port.", ("type", "family")),
    "send_failed": Metric("Datagrams the system would not send.", ("reason",)),
    "receive_failed": Metric("Reads that the system refused.", ("reason",)),
    "receive_queue_dropped": Metric("Datagrams lost because a receive buffer was full."),
    "repeated": Metric("Messages dealt with by repeating an earlier answer.", ("kind",)),
    "punted": Metric("Messages handed up to the core."),
    "over_budget": Metric("Messages for which a budget had nothing left.", ("budget",)),
    "waiting_dropped": Metric("Map-Notifies lost because too many waited for the journal."),
    "dropped": Metric("Messages that got silence.", ("type", "reason")),
    "refused": Metric("Authenticated Map-Registers that policy refused.", ("reason",)),
    "registered": Metric("EID-Prefixes registered: new, or changed.", ("change",)),
    "refreshed": Metric("EID-Records whose registration was renewed unchanged."),
    "withdrawn": Metric("Registrations removed by their owner."),
    "moved": Metric("EID-Prefixes taken over by another xTR."),
    "expired": Metric("Registrations whose lifetime ran out."),
    "answered": Metric("Map-Requests dealt with.", ("outcome",)),
    "replied": Metric(
        "EIDs answered for in Map-Replies of this node; action none: as the site registered.",
        ("action",),
    ),
    "subscriptions": Metric("Subscriptions made, and ended.", ("change",)),
    "published": Metric("Map-Notifies to subscribers about a changed mapping."),
    "publications_lost": Metric("Changed EID-Prefixes that subscribers will not hear of."),
    "injected": Metric("Map-Requests sent onto the ALT."),
    "failed": Metric("Faults in this program that it went on from; the log says more."),
}
"""Every counter, with its meaning; label values are from closed sets too."""

MESSAGE_TYPES: Final = {
    1: "MapRequest",
    2: "MapReply",
    3: "MapRegister",
    4: "MapNotify",
    5: "MapNotifyAck",
    6: "MapReferral",
    7: "Info",
    8: "Ecm",
    15: "SharedExtension",
}
"""Label values of ``type`` by type code (RFC 9301, 5.1; RFC 9304)."""

UNKNOWN_TYPE: Final = "unknown"


def counter_name(metric: str, *labels: str) -> str:
    """The flat name of one counter: ``dropped.MapRequest.truncated``."""
    return ".".join((metric, *labels))


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """Metric and labels of a flat name. Raises KeyError where the metric is unknown."""
    metric, *values = name.split(".")
    return metric, dict(zip(METRICS[metric].labels, values, strict=True))


_REPLIED: Final[dict[int | None, str]] = {
    None: "replied.none",
    **{int(one): "replied." + one.name.lower().replace("_", "-") for one in Action},
}
"""By the action of an answer; other codes do not leave this node (RFC 9301, 5.4)."""

_PASSED_ON: Final = frozenset({"forward", "alt"})
"""Outcomes after which somebody else sends the Map-Reply."""

_COUNTED: Final[dict[type, Callable[[Any], tuple[str, int]]]] = {
    Answered: lambda effect: ("answered." + effect.outcome, effect.count),
    Refreshed: lambda effect: ("refreshed", effect.records),
    Dropped: lambda effect: (counter_name("dropped", effect.message_type, effect.reason), 1),
    Refused: lambda effect: (counter_name("refused", effect.reason), 1),
    Registered: lambda effect: ("registered." + ("first" if effect.first else "changed"), 1),
    Withdrawn: lambda _: ("withdrawn", 1),
    Moved: lambda _: ("moved", 1),
    Expired: lambda _: ("expired", 1),
    Inject: lambda _: ("injected", 1),
    SubscriptionChanged: lambda effect: (counter_name("subscriptions", effect.change), 1),
    Published: lambda _: ("published", 1),
    PublicationsLost: lambda effect: ("publications_lost", effect.count),
}
"""Name and count by the effect's type; datagrams sent are counted where they are sent."""


class Counters:
    """Totals since start; a name stands here once it has happened.

    answers: Map-Requests dealt with, whatever their outcome.
    """

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self.answers = 0

    def add(self, name: str, count: int = 1) -> None:
        """Count under a flat name."""
        self._totals[name] = self._totals.get(name, 0) + count

    def totals(self) -> dict[str, int]:
        """A copy of all totals."""
        return dict(self._totals)

    def fold(self, effects: Iterable[Effect]) -> None:
        """Count what took place."""
        totals = self._totals
        for effect in effects:
            counted = _COUNTED.get(type(effect))
            if counted is not None:
                name, count = counted(effect)
                totals[name] = totals.get(name, 0) + count
            if type(effect) is Answered:
                self.answers += effect.count
                if effect.outcome not in _PASSED_ON:
                    name = _REPLIED[effect.action]
                    totals[name] = totals.get(name, 0) + effect.count
