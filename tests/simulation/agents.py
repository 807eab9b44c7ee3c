"""xTRs that register as RFC 9301, 8.2 says, and now and then do something else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random
from typing import Any

from mapsys.core.effects import Endpoint
from mapsys.wire.auth import Key
from mapsys.wire.errors import WireError
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from tests.core.world import SERVER, SERVER_6, Etr, record, rloc

INTERVAL_SECONDS = 60
SLOW_SECONDS = (110, 160)
"""An xTR that is late each time is still registered."""
RETRIES = 3
MAC_LENGTHS = {1: (12, 20), 2: (16, 32), 3: (16, 32)}


class Xtr:
    """One xTR of one site; what it registers is in ``claims``, an EID by its text."""

    def __init__(
        self,
        rng: Random,
        site: str,
        host: str,
        secret: bytes,
        claims: list[str],
        **options: Any,
    ) -> None:
        self.rng, self.site, self.host = rng, site, host
        self.flags: dict[str, bool] = options.pop("flags", {})
        self.algorithm = options.pop("algorithm", 2)
        self.nonces = options.pop("nonces", "rising")
        self.interval = rng.choice((INTERVAL_SECONDS, *SLOW_SECONDS))
        self.fleeting: list[str] = []
        """More-specifics that it has today and may not have tomorrow."""
        self._last = rng.getrandbits(40)
        mac_length = rng.choice(MAC_LENGTHS[self.algorithm])
        self.etr = Etr(
            host, Key(secret), algorithm_id=self.algorithm, mac_length=mac_length, **options
        )
        self.etr.nonces = self._nonces()
        self.claims = {eid: self.new_record(eid) for eid in claims}
        self.silent_until = 0.0
        self.unanswered: set[int] = set()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.host, 4342)

    @property
    def server(self) -> Endpoint:
        return SERVER_6 if ":" in self.host else SERVER

    def _nonces(self) -> Iterator[int]:
        for _ in itertools.count():
            if self.nonces == "random":
                yield self.rng.getrandbits(62)
            elif self.nonces == "zero":
                yield 0
            else:
                self._last += self.rng.choice((1, 1, 1, 7, 1000))
                yield self._last

    def lose_nonce(self) -> None:
        """It has restarted, and begins anew."""
        self._last = self.rng.getrandbits(38)

    def new_record(self, eid: str, ttl: int | None = None) -> EidRecord:
        """A record as the xTR might have it at present."""
        rng = self.rng
        if self.site == "agreeing" or rng.random() < 0.3:
            hosts = ["192.0.2.77"] if self.site == "agreeing" else [self.host]
            return record(eid, *hosts, ttl=1440 if ttl is None else ttl)
        count = rng.choice((0, 1, 1, 2, 2, 3, 3, 8, 8, 31, 33)) if rng.random() < 0.15 else 1
        pool = [f"192.0.2.{n}" for n in range(1, 60)] + [f"2001:db8:f::{n:x}" for n in range(1, 9)]
        chosen = [self.host, *rng.sample(pool, count)] if count else []
        locators = [
            rloc(host, rng.choice((1, 2, 255)), rng.choice((0, 50, 100)))
            if rng.random() < 0.9
            else rloc(host, 1, 100, reachable=False)
            for host in dict.fromkeys(chosen)
        ]
        version = rng.choice((0, 0, 0, 1, 2, 4095)) if self.site == "deep" else 0
        ttl = rng.choice((1, 5, 15, 1440)) if ttl is None else ttl
        return record(eid, *locators, ttl=ttl, map_version=version)

    def register(self, *records: EidRecord) -> bytes:
        """A Map-Register of these, or of all that it has."""
        data = self.etr.message(*(records or self.claims.values()), **self.flags)
        self.unanswered.add(int.from_bytes(data[4:12], "big"))
        return data

    def withdrawal(self, eid: str) -> bytes:
        return self.register(record(eid, ttl=0))

    def hear(self, data: bytes) -> bytes | None:
        """Take in a datagram; what it answers, if anything."""
        try:
            message = decode(data)
        except WireError:  # damaged on the way: an xTR drops what it cannot read
            return None
        if not isinstance(message, MapNotify) or not self.etr.key.verify(data):
            return None
        if message.nonce in self.unanswered:
            self.unanswered.clear()
            return None
        return self.etr.acknowledges(message)


def xtrs(rng: Random) -> list[Xtr]:
    """All xTRs of ``tests.simulation.sites``, each a little different by the seed."""

    def identity(number: int) -> dict[str, Any]:
        return {"xtr_id": bytes([number]) * 16, "site_id": bytes(8)}

    merging = {"merge_request": True}
    return [
        Xtr(rng, "mobile", "192.0.2.1", b"mobile", ["198.18.2.0/24"], **identity(1)),
        Xtr(rng, "mobile", "192.0.2.2", b"mobile", ["198.18.2.7/32"], **identity(2)),
        Xtr(rng, "mobile", "192.0.2.3", b"lent", ["198.18.2.9/32"], key_id=2, **identity(3)),
        Xtr(rng, "north", "192.0.2.4", b"north", ["198.18.3.0/24"], **identity(4)),
        Xtr(rng, "north", "192.0.2.5", b"north", ["198.18.3.128/25"], algorithm=3, **identity(5)),
        *(
            Xtr(
                rng,
                "merging",
                f"192.0.2.{n}",
                b"merging",
                ["198.18.4.0/24"],
                flags=merging,
                **identity(n),
            )
            for n in (6, 7)
        ),
        *(
            Xtr(rng, "agreeing", f"192.0.2.{n}", b"agreeing", ["198.18.5.0/24"], nonces="random")
            for n in (9, 10)
        ),
        Xtr(
            rng,
            "outer",
            "192.0.2.11",
            b"outer",
            ["10.0.0.0/8", "10.64.0.0/10", "198.18.6.0/24"],
            nonces="random",
        ),
        Xtr(rng, "outer", "192.0.2.12", b"outer", ["10.3.3.0/24"], algorithm=1, nonces="zero"),
        Xtr(rng, "inner", "192.0.2.13", b"inner", ["10.1.0.0/16"]),
        Xtr(rng, "deep", "192.0.2.14", b"deep", ["10.1.64.0/20", "10.1.65.0/24"], **identity(14)),
        Xtr(
            rng,
            "six",
            "2001:db8:f::15",
            b"six",
            ["2001:db8:e000:1::/64", "2001:db8:e000:1:8000::/65"],
            flags={"use_ttl_for_timeout": True},
        ),
        Xtr(rng, "tenant", "192.0.2.16", b"tenant", ["[100]172.16.0.0/16"], algorithm=3),
        Xtr(rng, "careless", "192.0.2.17", b"careless", ["10.9.0.0/16", "10.9.1.0/24"]),
    ]
