"""Members of a fleet in one process: core, store and member of each, over one engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from mapsys.core.effects import Effect, Endpoint
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import SharedEngine
from mapsys.fleet.member import Member
from mapsys.store import Mapping
from mapsys.wire.records import EidRecord
from tests.core.world import Etr, World

PATIENCE_SECONDS = 30.0
TICK_SECONDS = 0.02


class FleetNode:
    """What the shell does for a member, without sockets."""

    def __init__(
        self,
        name: str,
        shared: SharedEngine,
        *,
        serve_stale_seconds: float = 0.0,
        replicas: int = 0,
        **settings: object,
    ) -> None:
        self.world = World(**settings)
        self.engine, self.store = self.world.engine, self.world.store
        self.effects: list[Effect] = []
        self.log: list[tuple[str, str]] = []
        self.member = Member(
            name,
            shared,
            self.engine,
            self.store,
            version="test",
            replicas=replicas,
            serve_stale_seconds=serve_stale_seconds,
            log=lambda what, detail: self.log.append((what, detail)),
        )

    def decide(self, during: str, ask: Callable[[float], list[Effect]]) -> None:
        self.world.now = time.monotonic()
        self._perform(ask(self.world.now))

    def _perform(self, effects: list[Effect]) -> None:
        self.effects += effects
        self.member.observe(effects, self.world.now)
        self.member.gather(*self.store.take_changes())

    def register(self, etr: Etr, *records: EidRecord, **flags: object) -> list[Effect]:
        return self.hear(etr.message(*records, **flags), etr)  # type: ignore[arg-type]

    def hear(self, message: bytes, etr: Etr) -> list[Effect]:
        """A Map-Register as it was sent, which may have been caught elsewhere."""
        self.world.now = time.monotonic()
        effects = self.world.hear(message, Endpoint(etr.host, etr.port))
        self._perform(effects)
        return effects

    async def live(self) -> None:
        """Let time pass."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.decide("expire", self.engine.expire)

    def mapping(self, eid: str) -> Mapping | None:
        return self.store.get(EidPrefix.parse(eid))

    def published(self, eid: str) -> bytes | None:
        mapping = self.mapping(eid)
        return None if mapping is None else mapping.published

    def ledger(self) -> dict[EidPrefix, bytes]:
        """All that it would answer."""
        return {mapping.eid: mapping.published for mapping in self.store.scan(None, 1 << 20)}


@asynccontextmanager
async def fleet(*nodes: FleetNode) -> AsyncIterator[None]:
    """While it lasts, they are members."""
    living = [asyncio.create_task(node.live()) for node in nodes]
    for node in nodes:
        node.member.start(node)
    try:
        for node in nodes:
            assert await node.member.joined(PATIENCE_SECONDS), node.member.condition
        yield
    finally:
        for task in living:
            task.cancel()
        await asyncio.gather(*living, return_exceptions=True)
        for node in nodes:
            await node.member.stop()


async def until(holds: Callable[[], bool], what: Callable[[], object] = lambda: "") -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.002)


async def agree(nodes: Sequence[FleetNode]) -> None:
    """Wait until they answer alike and have nothing left to tell."""

    def alike() -> bool:
        first = nodes[0].ledger()
        return all(n.member.outbox_records == 0 for n in nodes) and all(
            n.ledger() == first for n in nodes[1:]
        )

    def differences() -> list[object]:
        return [(len(n.ledger()), n.member.outbox_records, n.member.condition) for n in nodes]

    await until(alike, differences)


def pairs(count: int) -> Iterator[tuple[int, str]]:
    """Numbered host EIDs of site one."""
    return ((n, f"10.1.{n // 256}.{n % 256}/32") for n in range(count))
