"""An ITR that asks the lab's Map-Resolver, and what became of each question."""

from __future__ import annotations

import secrets
import time
from typing import Final, NamedTuple

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lab.network import socket_in
from mapsys.lig import Answer, Lig, Question
from mapsys.record_view import address_text
from mapsys.wire.records import Action

CONTROL_PORT: Final = 4342


class Asked(NamedTuple):
    """A question and its answer; None: silence.

    nonces: of the Map-Requests sent. milliseconds: until the answer to the last one.
    """

    answer: Answer | None
    nonces: tuple[int, ...]
    milliseconds: float

    def __str__(self) -> str:
        if self.answer is None:
            return f"silence to {len(self.nonces)} Map-Requests"
        record = self.answer.record
        prefix = record.eid_prefix
        action = Action(record.action).name.lower().replace("_", "-")
        what = ", ".join(locators(self.answer)) or f"negative ({action})"
        return f"{prefix}: {what}, from {self.answer.map_replier.host}, {self.milliseconds:.1f} ms"


def locators(answer: Answer) -> list[str]:
    """The RLOCs of an answer, in record order."""
    return [address_text(rloc.rloc) for rloc in answer.record.rlocs]


class Itr:
    """Asks from one address. namespace: where that address is."""

    def __init__(self, namespace: str, rloc: str, map_resolver: str) -> None:
        self._namespace = namespace
        self.rloc = rloc
        self._map_resolver = Endpoint(map_resolver, CONTROL_PORT)

    def ask(
        self, eid: str, *, instance_id: int = 0, count: int = 3, timeout_seconds: float = 2.0
    ) -> Asked:
        """Ask for one EID, ``count`` times at most."""
        nonces: list[int] = []

        def fresh_nonce() -> int:
            nonces.append(secrets.randbits(64))
            return nonces[-1]

        with socket_in(self._namespace, self.rloc, 0) as listener:
            question = Question(
                eid=EidPrefix.parse(eid, instance_id),
                map_resolver=self._map_resolver,
                itr_rloc=self.rloc,
                source_port=listener.getsockname()[1],
                inner_source=self.rloc,
                count=count,
                timeout_seconds=timeout_seconds,
            )
            query = Lig(question, fresh_nonce)
            while (message := query.send(time.monotonic())) is not None:
                listener.sendto(message, self._map_resolver)
                while (left := query.next_deadline() - time.monotonic()) > 0:
                    listener.settimeout(left)
                    try:
                        data, (host, port) = listener.recvfrom(65_535)
                    except TimeoutError:
                        break
                    answer = query.receive(data, Endpoint(host, port), time.monotonic())
                    if answer is not None:
                        return Asked(answer, tuple(nonces), answer.rtt_seconds * 1000)
        return Asked(None, tuple(nonces), 0.0)
