"""Server and reference side by side: both hear the same, and are compared."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import ip_address
from random import Random

from alt.node_sites import LiveSites
from mapsys.core.effects import Datagram, Effect, Endpoint, Send
from mapsys.core.limiter import Limits
from mapsys.core.settings import Settings
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from tests.core.world import ITR, SERVER, SERVER_6, map_request_in_ecm
from tests.simulation.agents import Xtr, xtrs
from tests.simulation.alt_side import AltSide, configurations
from tests.simulation.comparison import (
    OWN_NONCES,
    Divergence,
    agree,
    answer_of,
    compare_store,
    in_words,
    verdict_of,
)
from tests.simulation.disk import Disk
from tests.simulation.history import History
from tests.simulation.network import Network
from tests.simulation.reference import Reference, State
from tests.simulation.reference_wire import Signed, is_signed_with
from tests.simulation.server import Server
from tests.simulation.sites import AUTHORITY, SITES, SitePlan, bits_of, for_engine, for_reference
from tests.simulation.timeline import Timeline

REAL_JOURNAL_EVERY = 3
CAPTURED = 400

prefix_of = lru_cache(maxsize=4096)(EidPrefix.parse)


@dataclass
class Tally:
    """How often what has happened."""

    registers: int = 0
    accepted: int = 0
    requests: int = 0
    crashes: int = 0
    replays: int = 0
    forgeries: int = 0


class SideBySide:
    """The server with its disk, network, xTRs and ALT routers, and what each should do."""

    def __init__(self, rng: Random, timeline: Timeline) -> None:
        self.rng, self.timeline = rng, timeline
        self.wall_offset = 1_700_000_000.0
        self.tally = Tally()
        self.history = History()
        self.network = Network(rng, timeline)
        self.plans: dict[str, SitePlan] = {plan.name: plan for plan in SITES}
        self.xtrs = xtrs(rng)
        self.captured: deque[tuple[bytes, Endpoint]] = deque(maxlen=CAPTURED)
        self.disk = Disk(rng)
        self.reference = Reference(
            [for_reference(plan) for plan in SITES],
            [bits_of(EidPrefix.parse(text)) for text in AUTHORITY],
            frozenset(map(_as_locator, (SERVER, SERVER_6))),
        )
        self._nonce = OWN_NONCES
        self._durable: tuple[int, State] = (0, self.reference.snapshot())
        self._acknowledging: dict[tuple[int, str], deque[int]] = {}
        home, other = configurations(rng)
        self.home, self.other = AltSide(home, rng, self.now), AltSide(other, rng, self.now)
        self.server: Server | None = None
        self._start(PureStore())

    @property
    def now(self) -> float:
        """The clock that nobody sets."""
        return self.timeline.now

    @property
    def wall(self) -> float:
        """The clock that somebody sets."""
        return self.now + self.wall_offset

    def note(self, text: str, register: bytes = b"") -> None:
        """Remember what happened."""
        self.history.note(self.now, self.timeline.steps, text, register)

    # The server's life.

    def _settings(self) -> Settings:
        return Settings(
            sites=tuple(for_engine(plan) for plan in self.plans.values()),
            local=(SERVER, SERVER_6),
            authority=tuple(map(EidPrefix.parse, AUTHORITY)),
            limits=Limits.off(),
            wall_offset=self.wall_offset,
        )

    def _fresh_nonce(self) -> int:
        self._nonce += 1
        return self._nonce

    def _start(self, store: PureStore) -> None:
        if not self.disk.runs:
            self.disk.begin(self.now, self.wall)
        self.server = Server(
            store,
            self._settings(),
            self._fresh_nonce,
            self.disk,
            later=self.timeline.later,
            mark=lambda: (self.tally.accepted, self.reference.snapshot()),
            on_durable=self._is_durable,
            on_writable=lambda writable: setattr(self.reference, "writable", writable),
            on_leaving=self._leaves,
        )
        self.live = LiveSites(self.server.engine, store, (0,))
        self._carry_out(self.server, self.server.engine.settle(self.now))
        self.home.sites_are(self.live.recount())

    def _is_durable(self, mark: tuple[int, State]) -> None:
        self._durable = mark

    def _carry_out(self, server: Server, effects: list[Effect]) -> None:
        server.send(effects)
        server.kick(self.now, self.wall)
        self.home.sites_are(self.live.observe(effects))

    def pass_deadline(self, before: float) -> bool:
        """Let expire what is due first of all, if it is due before then."""
        server = self.server
        deadline = server.engine.next_deadline() if server else None
        if server is None or deadline is None or deadline >= before:
            return False
        self.timeline.now = max(self.now, deadline)
        self.reference.advance(self.now)
        self._carry_out(server, server.expire(self.now))
        return True

    def heartbeat(self) -> None:
        """The journal's sign of life."""
        server = self.server
        if server is not None and server.under_way is None:
            server.kick(self.now, self.wall, heartbeat=True)

    def crash(self) -> None:
        """And the start after it, when it has been down for a while."""
        server, self.server = self.server, None
        if server is None:
            return
        self.tally.crashes += 1
        server.crash(kept=self.rng.random() < 0.5)
        self._acknowledging.clear()
        self.note("the server dies")
        down = self.rng.choice((0, 0, 3, 40, 100, 600, 7200))
        self.timeline.later(down, self._restart)

    def _restart(self) -> None:
        last = self.disk.last
        self.disk.begin(self.now, self.wall)
        by_journal = self.tally.crashes % REAL_JOURNAL_EVERY == 0
        store = self.disk.load_by_journal() if by_journal else self.disk.load()
        silent = self.now - last.now if last else 0.0
        wall_silent = max(0.0, self.wall - last.wall) if last else 0.0
        self.reference.restart(self._durable[1], silent, wall_silent)
        self._durable = (self.tally.accepted, self.reference.snapshot())
        self.note(f"the server starts after {silent} s, {wall_silent} s by the wall clock")
        self.reference.advance(self.now)
        self.home = AltSide(self.home.config, self.rng, self.now)
        self._start(store)
        if self.server is not None:
            self._carry_out(self.server, self.server.expire(self.now))
        self.compare_all()

    def configure(self, plan: SitePlan) -> None:
        """A reload, by which one site is another than before."""
        self.plans[plan.name] = plan
        described = [for_reference(one) for one in self.plans.values()]
        server = self.server
        if server is None:
            self.reference.take(described)
            return
        self.reference.advance(self.now)
        self.reference.configure(described)
        effects = server.engine.reconfigure(self._settings(), self.now)
        server.forget_answers()
        self._carry_out(server, effects)
        self.home.sites_are(self.live.recount())
        compare_store(server.store, self.reference.state)

    # What leaves, and what arrives.

    def _leaves(self, send: Send) -> None:
        """A datagram leaves the server: nothing is acknowledged that could be forgotten."""
        host = send.destination.host
        if send.data[0] >> 4 == 4:
            nonce = int.from_bytes(send.data[4:12], "big")
            waiting = self._acknowledging.get((nonce, host))
            if waiting and waiting.popleft() > self._durable[0]:
                raise Divergence(f"{host} is acknowledged before the disk has it")
        xtr = next((x for x in self.xtrs if x.host == host), None)
        if xtr is not None:
            self.network.deliver(host, partial(self._notified, xtr, send.data))

    def _notified(self, xtr: Xtr, data: bytes) -> None:
        answer = xtr.hear(data)
        if answer is not None:
            self.transmit(xtr, answer)

    def transmit(self, xtr: Xtr, data: bytes) -> None:
        """From an xTR to the server; somebody takes it down."""
        if data[0] >> 4 == 3:
            self.captured.append((data, xtr.endpoint))
        self.network.transmit(
            data, xtr.host, lambda octets: self.arrives(octets, xtr.endpoint, xtr.server)
        )

    def arrives(self, data: bytes, source: Endpoint, local: Endpoint = SERVER) -> None:
        """A datagram that both hear, and judge alike. Raises Divergence."""
        server = self.server
        if server is None:
            return
        self.reference.advance(self.now)
        if data and data[0] >> 4 == 3:
            self._register_arrives(server, Datagram(data, source, local))
        else:
            self._carry_out(server, server.hear(Datagram(data, source, local), self.now))

    def _register_arrives(self, server: Server, datagram: Datagram) -> None:
        data, host = datagram.data, datagram.source.host
        self.tally.registers += 1
        wanted = self.reference.register(data, host, self.now)
        effects = server.hear(datagram, self.now)
        self.note(f"{wanted.kind} {wanted.reason} from {host}: ", data)
        found = verdict_of(effects, data, self._is_signed)
        if wanted.kind == "accepted":
            self.tally.accepted += 1
            if wanted.notify is not None:
                named = int.from_bytes(data[4:12], "big"), host
                self._acknowledging.setdefault(named, deque()).append(self.tally.accepted)
        if not agree(found, wanted):
            raise Divergence(
                f"register of {in_words(data)} from {host}:\n"
                f"  server    {found}\n  reference {wanted}"
            )
        self._carry_out(server, effects)

    def _is_signed(self, data: bytes, message: Signed) -> bool:
        """Whether a Map-Notify is signed as the site's Map-Registers are."""
        found = self.reference.rule_for(message.records[0].prefix)
        key = found and found[0]["keys"].get(message.key_id)
        secrets = key["secrets"] if key else ()
        return any(is_signed_with(data, message, secret) for secret in secrets)

    def ask(self, eid: EidPrefix) -> None:
        """A Map-Request for an EID, twice: the second answer comes from what is remembered."""
        server = self.server
        if server is None:
            return
        self.reference.advance(self.now)
        for _ in range(2):
            self.tally.requests += 1
            nonce = self.rng.getrandbits(62)
            wanted = self.reference.answer(bits_of(eid), 4)
            request = map_request_in_ecm(str(eid), nonce=nonce)
            found = answer_of(server.hear(Datagram(request, ITR, SERVER), self.now), nonce)
            if found != wanted:
                raise Divergence(
                    f"a question for {eid}:\n  server    {found}\n  reference {wanted}"
                )

    # All at once.

    def compare_all(self) -> None:
        """All that is held, and all that neighbours were told. Raises Divergence."""
        server = self.server
        if server is None:
            return
        self.reference.advance(self.now)
        self._carry_out(server, server.expire(self.now))
        compare_store(server.store, self.reference.state)
        live = {
            rule["prefix"][1:]
            for prefix in self.reference.state.held
            if (found := self.reference.rule_for(prefix)) and not prefix[0]
            for rule in (found[1],)
        }
        for side, sites in ((self.home, live), (self.other, set())):
            if not side.is_due(sites):
                continue
            difference = side.differences(self.now, sites)
            if difference:
                raise Divergence(difference)


def _as_locator(server: Endpoint) -> bytes:
    """AFI and address, as a locator has them."""
    host = ip_address(server.host)
    return bytes((0, 1 if host.version == 4 else 2)) + host.packed
