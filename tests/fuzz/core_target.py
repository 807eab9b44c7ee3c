"""Map-Registers with a good MAC: what a registrant with a key can say, and what is held of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from mapsys.core.effects import Endpoint, Send
from mapsys.core.limiter import Limits
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.wire.message import decode
from tests.core.world import ONE, Etr, World, record, rloc
from tests.fuzz.target import Target

_ALLOWED: Final = tuple(map(EidPrefix.parse, ("10.1.0.0/16", "2001:db8:1::/48")))
_HEAD_OCTETS: Final = 16
_MAC_OCTETS: Final = 32
_ETR: Final = Etr()
_ETR_AT: Final = Endpoint(_ETR.host, _ETR.port)


def _registers() -> Iterator[bytes]:
    """What follows the MAC, behind the octets of the flags and of the record count."""
    etr = Etr(xtr_id=bytes(16))
    for message in (
        _ETR.message(record("10.1.0.0/16", "192.0.2.1")),
        _ETR.message(record("10.1.2.3/32", rloc("192.0.2.1", 2, 50), "2001:db8::1", ttl=5)),
        _ETR.message(record("10.2.0.0/16", "192.0.2.1")),
        _ETR.message(record("10.1.0.0/16", "192.0.2.1"), record("2001:db8:1::/48", "192.0.2.1")),
        _ETR.message(record("10.1.0.0/16", ttl=0)),
        etr.message(record("10.1.0.0/16", "192.0.2.7"), merge_request=True),
    ):
        yield message[:4] + message[_HEAD_OCTETS + _MAC_OCTETS :]


class _Registering:
    """One Map-Server for many inputs, until one of them leaves something in it."""

    def __init__(self) -> None:
        self._world = World(limits=Limits.off())
        self._nonces = itertools.count(1)

    def __call__(self, octets: bytes) -> None:
        """Signs whatever stands in for the flags and the records, and registers it twice."""
        if len(octets) < 4:
            return
        for _ in range(2):
            head = bytes((0x30 | octets[0] & 0xF,)) + octets[1:4]
            nonce = next(self._nonces).to_bytes(8, "big")
            authentication = bytes((0, 2, 0, _MAC_OCTETS)) + bytes(_MAC_OCTETS)
            self._hear(ONE.sign(head + nonce + authentication + octets[4:]))
        if len(self._world.store):
            self._compare_with_journal()
            self._world = World(limits=Limits.off())

    def _hear(self, register: bytes) -> None:
        world = self._world
        effects = world.hear(register, _ETR_AT)
        assert effects, "a Map-Register without a verdict"
        for effect in effects:
            if isinstance(effect, Send):
                decode(effect.data)
        for mapping in world.store.scan(None, 1_000):
            assert any(allowed.covers(mapping.eid) for allowed in _ALLOWED), (
                f"{mapping.eid} is held and was never allowed"
            )
            world.engine.resolve(mapping.eid)
        world.now += 1.0

    def _compare_with_journal(self) -> None:
        again = PureStore()
        again.apply(self._world.store.take_changes()[1], 0.0)
        assert again.scan(None, 1_000) == self._world.store.scan(None, 1_000), (
            "the journal makes another store"
        )


TARGETS: Final = (Target("record", _Registering(), _registers, 1_024),)
