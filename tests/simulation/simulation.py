"""A seed, and from it days of a Map-Server's life, held against the reference step by step."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from random import Random
from typing import Any

from alt.node_sites import LiveSites
from mapsys.core.effects import Datagram, Dropped, Effect, Endpoint, Refused, Send
from mapsys.core.engine import Settings
from mapsys.core.limiter import Limits
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.wire.errors import WIRE_REASONS
from tests.core.world import ITR, SERVER, SERVER_6, map_request_in_ecm
from tests.simulation.agents import INTERVAL_SECONDS, RETRIES, Xtr, xtrs
from tests.simulation.alt_side import AltSide, configurations
from tests.simulation.disk import Disk
from tests.simulation.reference import Reference, State, Verdict
from tests.simulation.reference_wire import (
    OCTETS,
    Malformed,
    Record,
    Signed,
    is_signed_with,
    read_record,
    read_reply,
    read_signed,
)
from tests.simulation.server import Server
from tests.simulation.sites import (
    AUTHORITY,
    SITES,
    SitePlan,
    bits_of,
    for_engine,
    for_reference,
)

DAY_SECONDS = 86_400
HALF = 0.5
"""Datagrams arrive at half seconds; the server's own deadlines fall on whole ones."""
OWN_NONCES = 0xFEED << 48
"""The nonces of what the server sends unasked begin with this."""
REAL_JOURNAL_EVERY = 3
TAIL = 14
CAPTURED = 400

DOINGS = {
    "locators": 20.0,
    "more-specific": 12.0,
    "move": 12.0,
    "drop": 8.0,
    "withdraw": 8.0,
    "silence": 5.0,
    "flags": 4.0,
    "flood": 2.0,
    "nonce": 2.0,
    "reload": 2.0,
    "crash": 1.0,
    "disk": 1.0,
    "clock": 0.5,
}
"""What an xTR or the operator does besides, and how often it is drawn."""


class Divergence(AssertionError):
    """Server and reference disagree."""


class Simulation:
    """What happens is drawn from ``rng`` alone: an equal seed does the same again."""

    def __init__(self, seed: int, days: float, stop_after: int | None = None) -> None:
        self.seed, self.days, self.stop_after = seed, days, stop_after
        self.rng = Random(seed)
        self.now, self.wall_offset = 1000.0 + HALF, 1_700_000_000.0
        self.end = self.now + days * DAY_SECONDS
        self.steps = self.registers = self.accepted = self.requests = self.crashes = 0
        self.replays = self.forgeries = 0
        self._notes: deque[tuple[float, int, str, bytes]] = deque(maxlen=2000)
        self._events: list[tuple[float, float, int, Callable[[], None]]] = []
        self._count = 0
        self._nonce = OWN_NONCES
        self.plans: dict[str, SitePlan] = {plan.name: plan for plan in SITES}
        self.xtrs = xtrs(self.rng)
        self.captured: deque[tuple[bytes, Endpoint]] = deque(maxlen=CAPTURED)
        self.disk = Disk(self.rng)
        self.reference = Reference(
            [for_reference(plan) for plan in SITES],
            [bits_of(EidPrefix.parse(text)) for text in AUTHORITY],
        )
        self._durable: tuple[int, State] = (0, self.reference.snapshot())
        self._acknowledging: dict[tuple[int, str], deque[int]] = {}
        self.loss = self.duplication = self.corruption = 0.0
        self.delay = 0
        self.partitioned: set[str] = set()
        home, other = configurations(self.rng)
        self.home, self.other = (
            AltSide(home, self.rng, self.now),
            AltSide(other, self.rng, self.now),
        )
        self.server: Server | None = None
        self._start(PureStore())

    # The loop.

    def run(self) -> None:
        """Until the end, or the step after which to stop. Raises Divergence."""
        for xtr in self.xtrs:
            self._later(self.rng.randint(0, INTERVAL_SECONDS), partial(self._refresh, xtr))
        for seconds, what in (
            (60, self._compare_all),
            (25, self._ask),
            (35, self._attack),
            (90, self._something_changes),
            (240, self._alt_event),
            (10, self._heartbeat),
            (3600, self._weather),
        ):
            self._later(self.rng.randint(1, seconds), partial(self._every, seconds, what))
        try:
            while self._events and self._events[0][0] <= self.end:
                if self.stop_after is not None and self.steps >= self.stop_after:
                    return
                self._next()
            self._compare_all()
        except Exception as error:
            raise Divergence(self._report(error)) from error

    def _next(self) -> None:
        at = self._events[0][0]
        server = self.server
        deadline = server.engine.next_deadline() if server else None
        if server is not None and deadline is not None and deadline < at:
            self.now = max(self.now, deadline)
            self.reference.advance(self.now)
            self._carry_out(server, server.expire(self.now))
            return
        self.now = at
        self.steps += 1
        heapq.heappop(self._events)[3]()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._count += 1
        at = int(self.now + seconds) + HALF
        heapq.heappush(self._events, (at, self.rng.random(), self._count, what))

    def _every(self, seconds: int, what: Callable[[], None]) -> None:
        self._later(
            self.rng.randint(seconds // 2, seconds * 3 // 2), lambda: self._every(seconds, what)
        )
        what()

    def note(self, text: str, register: bytes = b"") -> None:
        """Remember what happened; the Map-Register is put in words when somebody reads it."""
        self._notes.append((self.now, self.steps, text, register))

    @property
    def history(self) -> list[str]:
        """What happened lately, a line each."""
        return [
            f"{now:10.1f} step {step}: {text}{self._in_words(data) if data else ''}"
            for now, step, text, data in self._notes
        ]

    def _report(self, error: Exception) -> str:
        """What is needed to look into it: the seed, the step, what concerns it, the command."""
        said = f"{type(error).__name__}: {error}"
        words = {w.strip(",()'") for w in said.split() if "/" in w or w.strip("'") in self.plans}
        words |= {str(x.host) for x in self.xtrs if x.host in said}
        history = self.history
        tail = [line for line in history if any(w in line for w in words)][-TAIL:]
        tail += [line for line in history[-3:] if line not in tail]
        command = (
            f".venv/bin/python -m tests.simulation --seed {self.seed} --days {self.days:g}"
            f" --steps {self.steps}"
        )
        return "\n".join(
            [f"seed {self.seed}, step {self.steps}: {said}", *tail, f"again: {command}"]
        )

    # The server.

    @property
    def wall(self) -> float:
        return self.now + self.wall_offset

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
            later=self._later,
            mark=lambda: (self.accepted, self.reference.snapshot()),
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

    def _heartbeat(self) -> None:
        server = self.server
        if server is not None and server.under_way is None:
            server.kick(self.now, self.wall, heartbeat=True)

    def _crash(self) -> None:
        """And the start after it, when it has been down for a while."""
        server, self.server = self.server, None
        if server is None:
            return
        self.crashes += 1
        server.crash(kept=self.rng.random() < 0.5)
        self._acknowledging.clear()
        self.note("the server dies")
        down = self.rng.choice((0, 0, 3, 40, 100, 600, 7200))
        self._later(down, self._restart)

    def _restart(self) -> None:
        last = self.disk.last
        self.disk.begin(self.now, self.wall)
        by_journal = self.crashes % REAL_JOURNAL_EVERY == 0
        store = self.disk.load_by_journal() if by_journal else self.disk.load()
        silent = self.now - last.now if last else 0.0
        wall_silent = max(0.0, self.wall - last.wall) if last else 0.0
        self.reference.restart(self._durable[1], silent, wall_silent)
        self._durable = (self.accepted, self.reference.snapshot())
        self.note(f"the server starts after {silent} s, {wall_silent} s by the wall clock")
        self.reference.advance(self.now)
        self.home = AltSide(self.home.config, self.rng, self.now)
        self._start(store)
        if self.server is not None:
            self._carry_out(self.server, self.server.expire(self.now))
        self._compare_all()

    def _leaves(self, send: Send) -> None:
        """A datagram leaves the server: nothing is acknowledged that could be forgotten."""
        if send.data[0] >> 4 == 4:
            nonce = int.from_bytes(send.data[4:12], "big")
            waiting = self._acknowledging.get((nonce, send.destination.host))
            if waiting and waiting.popleft() > self._durable[0]:
                raise Divergence(f"{send.destination.host} is acknowledged before the disk has it")
        xtr = next((x for x in self.xtrs if x.host == send.destination.host), None)
        if xtr is not None and not self._is_lost(xtr.host):
            self._later(self.rng.randint(0, self.delay), lambda: self._notified(xtr, send.data))

    def _notified(self, xtr: Xtr, data: bytes) -> None:
        answer = xtr.hear(data)
        if answer is not None:
            self._transmit(xtr, answer)

    # The network.

    def _is_lost(self, host: str) -> bool:
        return host in self.partitioned or self.rng.random() < self.loss

    def _transmit(self, xtr: Xtr, data: bytes) -> None:
        if data[0] >> 4 == 3:
            self.captured.append((data, xtr.endpoint))
        copies = 1 + (self.rng.random() < self.duplication)
        for _ in range(copies):
            if self._is_lost(xtr.host):
                continue
            octets = data
            if self.rng.random() < self.corruption:
                octets = self._damaged(data)
            self._later(
                self.rng.randint(0, self.delay),
                partial(self._reaches, octets, xtr),
            )

    def _reaches(self, data: bytes, xtr: Xtr) -> None:
        self._arrives(data, xtr.endpoint, xtr.server)

    def _damaged(self, data: bytes) -> bytes:
        at, way = self.rng.randrange(len(data)), self.rng.random()
        if way < 0.3:
            return data[:at]
        return data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1 :]

    def _weather(self) -> None:
        rng = self.rng
        bad = rng.random() < 0.5
        self.loss = rng.choice((0.05, 0.2, 0.5)) if bad else 0.0
        self.duplication = rng.choice((0.0, 0.2)) if bad else 0.0
        self.corruption = rng.choice((0.0, 0.05)) if bad else 0.0
        self.delay = rng.choice((0, 1, 4)) if bad else 0
        self.partitioned = {x.host for x in self.xtrs if rng.random() < 0.1} if bad else set()
        self.note(f"network: loss {self.loss}, delay {self.delay}, without {self.partitioned}")

    # What arrives is judged by both.

    def _arrives(self, data: bytes, source: Endpoint, local: Endpoint = SERVER) -> list[Effect]:
        server = self.server
        if server is None:
            return []
        self.reference.advance(self.now)
        if data and data[0] >> 4 == 3:
            return self._register_arrives(server, data, source, local)
        effects = server.hear(Datagram(data, source, local), self.now)
        self._carry_out(server, effects)
        return effects

    def _register_arrives(
        self, server: Server, data: bytes, source: Endpoint, local: Endpoint
    ) -> list[Effect]:
        self.registers += 1
        wanted = self.reference.register(data, source.host, self.now)
        effects = server.hear(Datagram(data, source, local), self.now)
        self.note(f"{wanted.kind} {wanted.reason} from {source.host}: ", data)
        found = self._verdict(effects, data)
        if wanted.kind == "accepted":
            self.accepted += 1
            if wanted.notify is not None:
                named = int.from_bytes(data[4:12], "big"), source.host
                self._acknowledging.setdefault(named, deque()).append(self.accepted)
        if not _agree(found, wanted):
            raise Divergence(
                f"register of {self._in_words(data)} from {source.host}:\n"
                f"  server    {found}\n  reference {wanted}"
            )
        self._carry_out(server, effects)
        return effects

    @staticmethod
    def _in_words(data: bytes) -> str:
        try:
            return ", ".join(_text(one.prefix) for one in read_signed(data).records)
        except Malformed:
            return "damaged octets"

    def _verdict(self, effects: list[Effect], register: bytes) -> Verdict:
        """The server's effects as the reference would say them."""
        for effect in effects:
            if isinstance(effect, Dropped):
                return Verdict("dropped", effect.reason)
            if isinstance(effect, Refused):
                return Verdict("refused", effect.reason)
        notify, told = None, []
        for send in (effect for effect in effects if isinstance(effect, Send)):
            message = read_signed(send.data)
            if message.nonce >> 48 == OWN_NONCES >> 48:
                told.append((send.destination.host, message.records[0]))
                continue
            if message.nonce != int.from_bytes(register[4:12], "big"):
                raise Divergence(f"a Map-Notify with the nonce {message.nonce}, which nobody gave")
            if not self._is_signed(send.data, message):
                raise Divergence(f"a Map-Notify to {send.destination.host} that does not verify")
            notify = message.records
        return Verdict("accepted", "", notify, tuple(told))

    def _is_signed(self, data: bytes, message: Signed) -> bool:
        """Whether a Map-Notify is signed as the site's Map-Registers are."""
        found = self.reference.rule_for(message.records[0].prefix)
        key = found and found[0]["keys"].get(message.key_id)
        secrets = key["secrets"] if key else ()
        return any(is_signed_with(data, message, secret) for secret in secrets)

    # Everybody's doings.

    def _refresh(self, xtr: Xtr) -> None:
        self._later(xtr.interval + self.rng.choice((-1, 0, 0, 1)), lambda: self._refresh(xtr))
        if self.now >= xtr.silent_until and xtr.claims:
            self._say(xtr, xtr.register)

    def _say(self, xtr: Xtr, message: Callable[[], bytes], tries: int = RETRIES) -> None:
        """Send, and again under another nonce until it is acknowledged."""
        xtr.unanswered.clear()
        self._transmit(xtr, message())
        if tries > 1:
            self._later(
                2 + 2 * self.delay,
                lambda: self._say(xtr, message, tries - 1) if xtr.unanswered else None,
            )

    def _something_changes(self) -> None:
        rng = self.rng
        xtr = rng.choice(self.xtrs)
        what = rng.choices(
            list(DOINGS),
            list(DOINGS.values()),
        )[0]
        match what:
            case "locators" if xtr.claims:
                eid = rng.choice(sorted(xtr.claims))
                xtr.claims[eid] = xtr.new_record(eid)
                self._say(xtr, xtr.register)
            case "more-specific":
                eid = self._inside(xtr)
                xtr.claims[eid] = xtr.new_record(eid)
                xtr.fleeting.append(eid)
                self._say(xtr, xtr.register)
            case "drop" | "withdraw" if xtr.fleeting:
                eid = xtr.fleeting.pop(rng.randrange(len(xtr.fleeting)))
                if xtr.claims.pop(eid, None) and what == "withdraw":
                    self._say(xtr, lambda: xtr.withdrawal(eid))
            case "withdraw" if xtr.claims:
                eid = rng.choice(sorted(xtr.claims))
                self._say(xtr, lambda: xtr.withdrawal(eid))
            case "silence":
                xtr.silent_until = self.now + rng.choice((100, 200, 400, 4000))
            case "move":
                self._move(xtr)
            case "flood" if xtr.claims:
                self._flood(xtr)
            case "nonce":
                xtr.lose_nonce()
            case "flags":
                xtr.flags = {**xtr.flags, "proxy_map_reply": rng.random() < 0.7}
                xtr.flags["want_map_notify"] = rng.random() < 0.8
            case "crash":
                self._crash()
            case "disk":
                self.disk.broken_until = self.now + rng.choice((5, 60, 400))
            case "reload":
                self._reload()
            case "clock":
                self.wall_offset += rng.choice((-86_400.0, -30.0, 30.0, 4000.0, 86_400.0))
                self.note("the wall clock jumps")

    def _inside(self, xtr: Xtr) -> str:
        """A more-specific EID-Prefix of the xTR's site."""
        text, _, _ = self.rng.choice(self.plans[xtr.site].prefixes)
        site = _prefix(text)
        length = min(site.width, site.length + self.rng.randint(1, 9))
        if self.rng.random() < 0.4:
            length = site.width
        address = site.network | self.rng.getrandbits(7) << (site.width - length)
        if not site.covers(EidPrefix.masked(site.instance_id, site.family, address, length)):
            address = site.network
        return str(EidPrefix.masked(site.instance_id, site.family, address, length))

    def _move(self, xtr: Xtr) -> None:
        """Another xTR of the site takes over what this one has."""
        others = [x for x in self.xtrs if x.site == xtr.site and x is not xtr and xtr.claims]
        if others:
            taker, eid = self.rng.choice(others), self.rng.choice(sorted(xtr.claims))
            taker.claims[eid] = taker.new_record(eid)
            taker.fleeting.append(eid)
            if self.rng.random() < 0.5:
                xtr.claims.pop(eid)
            self._say(taker, taker.register)

    def _flood(self, xtr: Xtr) -> None:
        """More-specifics far beyond the site's limit, a few in each message."""
        eids = sorted({self._inside(xtr) for _ in range(60)})
        for at in range(0, len(eids), 5):
            records = [xtr.new_record(eid) for eid in eids[at : at + 5]]
            self._transmit(xtr, xtr.register(*records))

    def _reload(self) -> None:
        """Another configuration: keys turn, sites come and go, prefixes open and close."""
        rng, server = self.rng, self.server
        name = rng.choice(sorted(self.plans))
        plan = self.plans[name]
        secret = plan.secrets[-1] + b"+"
        match rng.choice(("rotate", "rotated", "enabled", "prefix", "replay")):
            case "rotate" if len(plan.secrets) == 1:
                plan = replace(plan, secrets=(*plan.secrets, secret))
            case "rotated":
                plan = replace(plan, secrets=plan.secrets[-1:])
            case "enabled":
                plan = replace(plan, enabled=not plan.enabled)
                self._later(600, lambda: self._put_right(name))
            case "prefix":
                text, more, limit = plan.prefixes[0]
                plan = replace(plan, prefixes=((text, not more, limit), *plan.prefixes[1:]))
                self._later(600, lambda: self._put_right(name))
            case "replay":
                plan = replace(plan, replay=rng.choice(("auto", "strict")))
        self._configure(plan)
        for xtr in self.xtrs:
            if xtr.site == name and xtr.etr.key_id == 0:
                xtr.etr.key = type(xtr.etr.key)(plan.secrets[-1])
        self.note(f"reload of {name}" + ("" if server else ", while the server is down"))

    def _put_right(self, name: str) -> None:
        original = next(plan for plan in SITES if plan.name == name)
        plan = self.plans[name]
        self._configure(replace(plan, enabled=True, prefixes=original.prefixes))
        self.note(f"reload of {name} as it was")

    def _configure(self, plan: SitePlan) -> None:
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
        self._compare_store(server)

    def _attack(self) -> None:
        """Replays, forgeries and claims to what is somebody else's."""
        if not self.captured:
            return
        rng = self.rng
        data, source = rng.choice(self.captured)
        if rng.random() < 0.4:
            source = Endpoint("203.0.113.66", 4342)
        way = rng.random()
        if way < 0.6:
            self.replays += 1
            self._arrives(data, source)
        elif way < 0.9:
            self.forgeries += 1
            self._arrives(self._damaged(data), source)
        else:
            xtr, victim = rng.choice(self.xtrs), rng.choice(self.xtrs)
            eids = {self._inside(victim), *list(xtr.claims)[:1]}
            self._transmit(xtr, xtr.register(*(xtr.new_record(eid) for eid in sorted(eids))))

    def _alt_event(self) -> None:
        for side in (self.home, self.other):
            self.note(f"{side.config.name}: {side.something_happens(self.now)}")

    # Comparisons.

    def _ask(self) -> None:
        server = self.server
        if server is None:
            return
        xtr = self.rng.choice(self.xtrs)
        asked = [_prefix(self._inside(xtr))]
        if self.rng.random() < 0.4:
            near = asked[0].network ^ (1 << self.rng.randrange(asked[0].width))
            asked = [EidPrefix.masked(asked[0].instance_id, asked[0].family, near, asked[0].width)]
        asked += asked  # the second answer comes from what is remembered
        self.reference.advance(self.now)
        for eid in asked:
            self.requests += 1
            nonce = self.rng.getrandbits(62)
            wanted = self.reference.answer(bits_of(eid), 4)
            effects = server.hear(
                Datagram(map_request_in_ecm(str(eid), nonce=nonce), ITR, SERVER), self.now
            )
            found = self._answer(effects, nonce)
            if found != wanted:
                raise Divergence(
                    f"a question for {eid}:\n  server    {found}\n  reference {wanted}"
                )

    def _answer(self, effects: list[Effect], nonce: int) -> tuple[str, Any]:
        for effect in effects:
            if isinstance(effect, Dropped):
                return "silence", effect.reason
        (send,) = (effect for effect in effects if isinstance(effect, Send))
        if send.data[0] >> 4 == 2:
            given, records = read_reply(send.data)
            if given != nonce:
                raise Divergence("a Map-Reply under another nonce")
            return "reply", records
        host = EidPrefix.parse(send.destination.host)
        return "forward", bytes((0, int(host.family))) + host.network_octets()

    def _compare_all(self) -> None:
        server = self.server
        if server is None:
            return
        self.reference.advance(self.now)
        self._carry_out(server, server.expire(self.now))
        self._compare_store(server)
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

    def _compare_store(self, server: Server) -> None:
        found = {}
        for mapping in server.store.scan(None, 100_000):
            found[bits_of(mapping.eid)] = mapping
        wanted = self.reference.state
        if found.keys() != wanted.held.keys():
            extra = [_text(p) for p in found.keys() - wanted.held.keys()]
            missing = [_text(p) for p in wanted.held.keys() - found.keys()]
            raise Divergence(f"registered beside the reference: {extra}; missing: {missing}")
        for prefix, mapping in found.items():
            shown = _record(mapping.published)
            if shown != wanted.published[prefix]:
                raise Divergence(
                    f"{_text(prefix)} is published as\n  {shown}, not\n  {wanted.published[prefix]}"
                )
            have = sorted((_record(r.record), r.deadline, r.digest) for r in mapping.registrations)
            want = sorted((h.record, h.deadline, h.digest) for h in wanted.held[prefix])
            if have != want:
                raise Divergence(f"{_text(prefix)} is held as\n  {have}, not\n  {want}")


_prefix = lru_cache(maxsize=4096)(EidPrefix.parse)


@lru_cache(maxsize=4096)
def _record(octets: bytes) -> Record:
    return read_record(octets, 0)[0]


def _agree(found: Verdict, wanted: Verdict) -> bool:
    """Octets that are damaged, and so signed by nobody, may be dropped for either reason."""
    if found.kind == wanted.kind == "dropped":
        if wanted.reason.startswith("malformed"):
            return True
        if wanted.reason == "authentication-failed" and found.reason in WIRE_REASONS:
            return True
    return found == wanted


def _text(prefix: tuple[int, int, str]) -> str:
    """An EID-Prefix of the reference as people write it."""
    instance_id, afi, bits = prefix
    network = int(bits.ljust(8 * OCTETS[afi], "0"), 2)
    family = EidPrefix.parse("0.0.0.0/0").family if afi == 1 else EidPrefix.parse("::/0").family
    return str(EidPrefix(instance_id, family, network, len(bits)))
