"""What a query found, as people and scripts read it."""

from __future__ import annotations

import msgspec

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lig import Answer, asked_eid
from mapsys.record_view import RecordView, eid_text, record_view


class LigResult(msgspec.Struct, frozen=True):
    """The answer to one query; the same in every output form.

    negative: the EID has no locators; ``record`` then says what to do instead.
    others: further records of the same Map-Reply.
    """

    eid: str
    instance_id: int
    map_resolver: str
    map_replier: str
    rtt_seconds: float
    requests_sent: int
    negative: bool
    record: RecordView
    others: list[RecordView]


def lig_result(asked: EidPrefix, map_resolver: Endpoint, answer: Answer) -> LigResult:
    """An answer, readable; asked: the EID, or an EID-Prefix for its first address."""
    eid = asked_eid(asked)
    return LigResult(
        eid=eid_text(eid),
        instance_id=eid.instance_id,
        map_resolver=map_resolver.host,
        map_replier=answer.map_replier.host,
        rtt_seconds=round(answer.rtt_seconds, 6),
        requests_sent=answer.requests_sent,
        negative=answer.is_negative,
        record=record_view(answer.record),
        others=[record_view(one) for one in answer.others],
    )
