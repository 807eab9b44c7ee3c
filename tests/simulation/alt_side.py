"""Two ALT routers beside the Map-Server, and the reference that each is held against."""

from __future__ import annotations

from random import Random
from typing import Any

from alt.bgp.events import OriginateLocal, WithdrawLocal
from alt.effects import Suspend
from alt.levels import Level
from alt.model import AltConfig, AnnounceWhen, Export
from alt.rib.attributes import BACKUP_COMMUNITY
from alt.roles import Role
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import (
    AS_OF,
    PLAN,
    TODAY,
    Driven,
    arin,
    delegation,
    eids,
    moved,
    mspa,
    mspb,
    tunnel,
)
from tests.simulation.reference_alt import AltReference, Block
from tests.simulation.sites import bits_of

QUIET_SECONDS = 1800.0
"""A child's route changes no more often than this, a session no more often either."""

OWN_SITES = tuple(
    delegation(f"198.18.{n}.0/24", Level.SITE, f"site-{n}", "mspa") for n in (3, 4, 5, 6)
)
PREFIXES = (
    *("198.18.0.0/19", "198.18.32.0/19", "198.18.64.0/19", "198.18.96.0/19", "198.18.0.0/21"),
    *("198.18.32.0/21", "198.18.1.0/24", "198.18.1.128/26", "198.18.2.0/24", "198.18.33.0/24"),
    *("198.18.0.0/15", "198.18.1.1/32", "198.18.33.9/32", "203.0.113.0/24", "192.0.2.0/24"),
    *("0.0.0.0/0", "2001:db8:e000::/38", "2001:db8:e000::/40", "2001:db8:e400::/38"),
)


def configurations(rng: Random) -> tuple[AltConfig, AltConfig]:
    """The node whose sites the Map-Server serves, and another one."""
    announce = rng.choice(list(AnnounceWhen))
    home = mspa(
        delegations=(*rng.choice((PLAN, moved(PLAN))), *OWN_SITES),
        non_lisp=eids("198.18.7.0/24"),
        announce=announce,
    )
    children = (tunnel("mspb", Role.CHILD, 13, export=rng.choice(list(Export))),)
    other = rng.choice(
        (
            arin(announce=announce),
            arin(delegations=moved()),
            arin(tunnels=(*arin().tunnels, tunnel("arin2", Role.SIBLING, 12))),
            mspb(delegations=moved()),
            mspa(tunnels=(*mspa().tunnels, *children), announce=announce),
        )
    )
    return home, other


def block_of(prefix: EidPrefix) -> Block:
    return bits_of(prefix)[1:]


def in_words(config: AltConfig) -> dict[str, Any]:
    """The configuration as the reference reads it."""
    return {
        "name": config.name,
        "as": config.own_as,
        "level": config.level.value,
        "always": config.announce is AnnounceWhen.ALWAYS,
        "siblings": config.siblings,
        "blocks": [block_of(b) for b in config.blocks],
        "backup_blocks": [block_of(b) for b in config.backup_blocks],
        "non_lisp": [block_of(b) for b in config.non_lisp],
        "remotes": [block_of(t.remote_as_eid(0)) for t in config.tunnels],
        "delegations": [
            {
                "block": block_of(d.block),
                "level": d.level.value,
                "holder": d.holder,
                "providers": d.providers,
                "lineage": d.lineage,
                "cap": d.exception_cap,
                "valid": d.is_valid(TODAY),
            }
            for d in config.delegations
        ],
        "tunnels": {
            t.name: {
                "role": t.role.value,
                "neighbor": t.neighbor,
                "as": t.peer_as,
                "export": t.export.value,
            }
            for t in config.tunnels
        },
    }


class AltSide:
    """One router, driven by events that its neighbours and the Map-Server make."""

    def __init__(self, config: AltConfig, rng: Random, now: float) -> None:
        self.config, self.rng = config, rng
        self.node = Driven(config)
        self.node.now = now
        self.reference = AltReference(in_words(config))
        self._quiet_until: dict[tuple[str, str], float] = {}
        self._has_news = True

    def sites_are(self, events: list[OriginateLocal | WithdrawLocal]) -> None:
        """The Map-Server's word on which prefixes are live."""
        for event in events:
            if event.prefix.instance_id == 0:
                self.node.send(event)
                self._has_news = True

    def something_happens(self, now: float) -> str:
        """One event of a neighbour's; says what."""
        self.pass_time(now)
        self._has_news = True
        rng, up, heard = self.rng, self.reference.up, self.reference.heard
        name = rng.choice(sorted(self.node.router.peers))
        if name not in up:
            if self._is_quiet(name, "", now):
                return f"{name} stays away"
            self.node.up(name, graceful=None)
            up.add(name)
            return f"{name} came up"
        if rng.random() < 0.1:
            if self._is_quiet(name, "", now):
                return f"{name} stays"
            self._session_ends(name, now)
            return f"{name} went down"
        text = rng.choice(PREFIXES)
        if self._is_quiet(name, text, now):
            return f"{name} leaves {text} alone"
        block = block_of(EidPrefix.parse(text))
        if block in heard.get(name, {}) and rng.random() < 0.6:
            self.node.withdraw(name, text)
            del heard[name][block]
            return f"{name} withdrew {text}"
        path = tuple(rng.sample(sorted(AS_OF.values()), rng.choice((0, 0, 1, 2))))
        backup = rng.random() < 0.2
        self.node.hear(name, text, path=path, communities=(BACKUP_COMMUNITY,) if backup else ())
        heard.setdefault(name, {})[block] = ((AS_OF[name], *path), backup)
        return f"{name} announced {text} by {path}{' as backup' if backup else ''}"

    def _session_ends(self, name: str, now: float) -> None:
        self.node.down(name, clean=True)
        self.reference.up.discard(name)
        self.reference.heard.pop(name, None)
        self._quiet_until[name, ""] = now + QUIET_SECONDS

    def _is_quiet(self, name: str, text: str, now: float) -> bool:
        if now < self._quiet_until.get((name, text), 0.0):
            return True
        self._quiet_until[name, text] = now + QUIET_SECONDS
        return False

    def pass_time(self, now: float) -> None:
        self.node.pass_time(max(0.0, now - self.node.now))

    def is_due(self, live: set[Block]) -> bool:
        """Whether anything has happened since the last comparison."""
        return self._has_news or live != self.reference.sites

    def differences(self, now: float, live: set[Block]) -> str:
        """What neighbours were told otherwise than the reference says; empty: nothing."""
        self.pass_time(now + 1.0)
        self._has_news = False
        self.reference.sites = live
        if any(isinstance(effect, Suspend) for effect in self.node.effects):
            return "a neighbour was suspended that did not flap"
        self.node.effects.clear()
        for name in sorted(self.reference.up):
            wanted = self.reference.told(name)
            told = {block_of(p): a.as_path for p, a in self.node.told.get(name, {}).items()}
            if told != wanted:
                extra = {p: told.get(p) for p in told if told.get(p) != wanted.get(p)}
                missing = {p: wanted.get(p) for p in wanted if told.get(p) != wanted.get(p)}
                return f"{self.config.name} told {name} {extra}, not {missing}"
        return ""
