"""Effects as log lines, at a rate that no sender can drive up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapsys.core.effects import (
    Dropped,
    Effect,
    Expired,
    Moved,
    PublicationsLost,
    Refused,
    Registered,
    SubscriptionChanged,
    Withdrawn,
)
from mapsys.net.log import Event, Logger
from mapsys.net.log_limit import Key, LogLimit


class EffectLog:
    """Observes effects (``net.shell``) and writes about those that operators ask about."""

    def __init__(self, log: Logger, limit: LogLimit) -> None:
        self._log = log
        self._limit = limit

    def observe(self, effects: Sequence[Effect], now: float) -> None:
        """Write a line for each effect that is worth one and within the limit."""
        for effect in effects:
            match effect:
                case Dropped():
                    self._write(
                        now,
                        (Event.MESSAGE_DROPPED, effect.reason, effect.source.host),
                        message=effect.message_type,
                        reason=effect.reason,
                        source=effect.source.host,
                        **({"site": effect.site} if effect.site else {}),
                    )
                case Refused():
                    self._write(
                        now,
                        (Event.REGISTER_REFUSED, effect.reason, effect.source.host),
                        site=effect.site,
                        reason=effect.reason,
                        detail=effect.detail,
                        source=effect.source.host,
                    )
                case Registered():
                    self._write(
                        now,
                        (Event.REGISTERED, effect.site),
                        site=effect.site,
                        eid=effect.eid,
                        source=effect.source.host,
                        first=effect.first,
                    )
                case Withdrawn():
                    self._write(
                        now, (Event.WITHDRAWN, effect.site), site=effect.site, eid=effect.eid
                    )
                case Moved():
                    self._write(
                        now,
                        (Event.MOVED, effect.site),
                        site=effect.site,
                        eid=effect.eid,
                        source=effect.source.host,
                    )
                case Expired():
                    self._write(now, (Event.EXPIRED, effect.site), site=effect.site, eid=effect.eid)

                case SubscriptionChanged():
                    self._write(
                        now,
                        (Event.SUBSCRIPTION, effect.change, effect.xtr_id.hex()),
                        change=effect.change,
                        eid=effect.eid,
                        xtr=effect.xtr_id.hex(),
                    )
                case PublicationsLost():
                    self._write(now, (Event.PUBLICATIONS_LOST,), count=effect.count)

    def flush(self, now: float) -> None:
        """Say how many lines were held back in intervals that are over."""
        for key, count in self._limit.take_suppressed(now):
            self._log.info(Event.SUPPRESSED, of=key[0], about=" ".join(key[1:]), suppressed=count)

    def _write(self, now: float, key: Key, **facts: Any) -> None:
        if self._limit.admits(key, now):
            # Text is made of an EID-Prefix only for the few lines that are written.
            if "eid" in facts:
                facts["eid"] = str(facts["eid"])
            write = self._log.warning if key[0] in _WARNINGS else self._log.info
            write(key[0], **facts)


_WARNINGS = frozenset({Event.MESSAGE_DROPPED, Event.REGISTER_REFUSED, Event.PUBLICATIONS_LOST})
