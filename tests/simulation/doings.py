"""What xTRs, operators, ITRs and attackers do besides refreshing, as the seed draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from tests.simulation.agents import RETRIES, Xtr
from tests.simulation.side_by_side import SideBySide, prefix_of
from tests.simulation.sites import SITES

WEIGHTS = {
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


class Doings:
    """Everybody's, towards one server and its reference."""

    def __init__(self, both: SideBySide, rng: Random) -> None:
        self._both, self._rng = both, rng

    def refresh(self, xtr: Xtr) -> None:
        """All that an xTR has, again and again."""
        both = self._both
        both.timeline.later(
            xtr.interval + self._rng.choice((-1, 0, 0, 1)), lambda: self.refresh(xtr)
        )
        if both.now >= xtr.silent_until and xtr.claims:
            self._say(xtr, xtr.register)

    def _say(self, xtr: Xtr, message: Callable[[], bytes], tries: int = RETRIES) -> None:
        """Send, and again under another nonce until what asks for a Map-Notify has one."""
        xtr.unanswered.clear()
        self._both.transmit(xtr, message())
        if tries > 1 and xtr.flags.get("want_map_notify", True):
            self._both.timeline.later(
                2 + 2 * self._both.network.delay,
                lambda: self._say(xtr, message, tries - 1) if xtr.unanswered else None,
            )

    def something_changes(self) -> None:
        """One of ``WEIGHTS``."""
        rng, both = self._rng, self._both
        xtr = rng.choice(both.xtrs)
        what = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
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
                xtr.silent_until = both.now + rng.choice((100, 200, 400, 4000))
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
                both.crash()
            case "disk":
                both.disk.broken_until = both.now + rng.choice((5, 60, 400))
            case "reload":
                self._reload()
            case "clock":
                both.wall_offset += rng.choice((-86_400.0, -30.0, 30.0, 4000.0, 86_400.0))
                both.note("the wall clock jumps")

    def _inside(self, xtr: Xtr) -> str:
        """A more-specific EID-Prefix of the xTR's site."""
        text, _, _ = self._rng.choice(self._both.plans[xtr.site].prefixes)
        site = prefix_of(text)
        length = min(site.width, site.length + self._rng.randint(1, 9))
        if self._rng.random() < 0.4:
            length = site.width
        address = site.network | self._rng.getrandbits(7) << (site.width - length)
        if not site.covers(EidPrefix.masked(site.instance_id, site.family, address, length)):
            address = site.network
        return str(EidPrefix.masked(site.instance_id, site.family, address, length))

    def _move(self, xtr: Xtr) -> None:
        """Another xTR of the site takes over what this one has."""
        others = [x for x in self._both.xtrs if x.site == xtr.site and x is not xtr and xtr.claims]
        if others:
            taker, eid = self._rng.choice(others), self._rng.choice(sorted(xtr.claims))
            taker.claims[eid] = taker.new_record(eid)
            taker.fleeting.append(eid)
            if self._rng.random() < 0.5:
                xtr.claims.pop(eid)
            self._say(taker, taker.register)

    def _flood(self, xtr: Xtr) -> None:
        """More-specifics far beyond the site's limit, a few in each message."""
        eids = sorted({self._inside(xtr) for _ in range(60)})
        for at in range(0, len(eids), 5):
            records = [xtr.new_record(eid) for eid in eids[at : at + 5]]
            self._both.transmit(xtr, xtr.register(*records))

    def _reload(self) -> None:
        """Another configuration: keys turn, sites come and go, prefixes open and close."""
        rng, both = self._rng, self._both
        name = rng.choice(sorted(both.plans))
        plan = both.plans[name]
        secret = plan.secrets[-1] + b"+"
        match rng.choice(("rotate", "rotated", "enabled", "prefix", "replay")):
            case "rotate" if len(plan.secrets) == 1:
                plan = replace(plan, secrets=(*plan.secrets, secret))
            case "rotated":
                plan = replace(plan, secrets=plan.secrets[-1:])
            case "enabled":
                plan = replace(plan, enabled=not plan.enabled)
                both.timeline.later(600, lambda: self._put_right(name))
            case "prefix":
                text, more, limit = plan.prefixes[0]
                plan = replace(plan, prefixes=((text, not more, limit), *plan.prefixes[1:]))
                both.timeline.later(600, lambda: self._put_right(name))
            case "replay":
                plan = replace(plan, replay=rng.choice(("auto", "strict")))
        both.configure(plan)
        for xtr in both.xtrs:
            if xtr.site == name and xtr.etr.key_id == 0:
                xtr.etr.key = type(xtr.etr.key)(plan.secrets[-1])
        both.note(f"reload of {name}" + ("" if both.server else ", while the server is down"))

    def _put_right(self, name: str) -> None:
        original = next(plan for plan in SITES if plan.name == name)
        plan = self._both.plans[name]
        self._both.configure(replace(plan, enabled=True, prefixes=original.prefixes))
        self._both.note(f"reload of {name} as it was")

    def attack(self) -> None:
        """Replays, forgeries and claims to what is somebody else's."""
        rng, both = self._rng, self._both
        if not both.captured:
            return
        data, source = rng.choice(both.captured)
        if rng.random() < 0.4:
            source = Endpoint("203.0.113.66", 4342)
        way = rng.random()
        if way < 0.6:
            both.tally.replays += 1
            both.arrives(data, source)
        elif way < 0.9:
            both.tally.forgeries += 1
            both.arrives(both.network.damaged(data), source)
        else:
            xtr, victim = rng.choice(both.xtrs), rng.choice(both.xtrs)
            eids = {self._inside(victim), *list(xtr.claims)[:1]}
            both.transmit(xtr, xtr.register(*(xtr.new_record(eid) for eid in sorted(eids))))

    def ask(self) -> None:
        """An ITR's Map-Request for something in a site, or close to it."""
        rng = self._rng
        if self._both.server is None:
            return
        eid = prefix_of(self._inside(rng.choice(self._both.xtrs)))
        if rng.random() < 0.4:
            near = eid.network ^ (1 << rng.randrange(eid.width))
            eid = EidPrefix.masked(eid.instance_id, eid.family, near, eid.width)
        self._both.ask(eid)

    def alt_event(self) -> None:
        """Something at a neighbour of each ALT router."""
        both = self._both
        for side in (both.home, both.other):
            both.note(f"{side.config.name}: {side.something_happens(both.now)}")

    def weather(self) -> None:
        """The network is another."""
        self._both.note(self._both.network.weather([xtr.host for xtr in self._both.xtrs]))
