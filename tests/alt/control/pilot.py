"""The pilot network's configurations, and a router driven by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from alt.bgp.events import (
    AltEvent,
    EndOfRibReceived,
    OpenReceived,
    PeerDown,
    PeerUp,
    UpdateReceived,
)
from alt.delegation import Delegation
from alt.effects import AltEffect, Announce, FibChange, Local, Rejected, Via, Withdraw
from alt.levels import FAMILIES, Level
from alt.model import AltConfig, Tunnel
from alt.rib.attributes import PathAttributes
from alt.roles import Role
from alt.router import AltRouter
from mapsys.eid import EidPrefix, Family

TODAY = date(2027, 1, 31)

AS_OF = {
    "arin": 65101,
    "ripe": 65102,
    "apnic": 65103,
    "lacnic": 65104,
    "arin2": 65105,
    "mspa": 65201,
    "mspb": 65202,
    "mr1": 65301,
    "etr1": 4200000010,
}


def eid(text: str) -> EidPrefix:
    return EidPrefix.parse(text)


def eids(*texts: str) -> tuple[EidPrefix, ...]:
    return tuple(eid(text) for text in texts)


def delegation(block: str, level: Level, holder: str, *providers: str, **more: Any) -> Delegation:
    return Delegation(eid(block), level, holder, providers, **more)


PLAN = (
    delegation("198.18.0.0/19", Level.REGION, "arin"),
    delegation("198.18.32.0/19", Level.REGION, "ripe"),
    delegation("198.18.64.0/19", Level.REGION, "apnic"),
    delegation("198.18.96.0/19", Level.REGION, "lacnic"),
    delegation("198.18.0.0/21", Level.MSP, "mspa", "arin", "ripe"),
    delegation("198.18.32.0/21", Level.MSP, "mspb", "ripe", "arin"),
    delegation("198.18.1.0/24", Level.SITE, "etr1", "mspa"),
    delegation("198.18.2.0/24", Level.SITE, "site-two", "mspa"),
    delegation("198.18.33.0/24", Level.SITE, "site-three", "mspb"),
    delegation("2001:db8:e000::/38", Level.REGION, "arin"),
    delegation("2001:db8:e400::/38", Level.REGION, "ripe"),
    delegation("2001:db8:e000::/40", Level.MSP, "mspa", "arin", "ripe"),
)


def moved(plan: tuple[Delegation, ...] = PLAN, cap: int = 1) -> tuple[Delegation, ...]:
    """The plan after the site in 198.18.1.0/24 went from mspa to mspb."""
    changes: dict[EidPrefix, dict[str, Any]] = {
        eid("198.18.1.0/24"): {"providers": ("mspb",), "lineage": ("mspa",)},
        eid("198.18.0.0/21"): {"exception_cap": cap},
    }
    return tuple(replace(held, **changes.get(held.block, {})) for held in plan)


def tunnel(name: str, role: Role, index: int, *, first: bool = True, **more: Any) -> Tunnel:
    """The lab's tunnel ``index``, from its first or second node."""
    own = 2 * index + (0 if first else 1)
    return Tunnel(
        name=name,
        remote=f"192.0.2.{100 + index}",
        role=role,
        peer_as=AS_OF[name],
        neighbor=name,
        key=1000 + index,
        inner=IPv4Interface(f"10.255.0.{own}/31"),
        inner6=IPv6Interface(f"fd00:a17::{own:x}/127"),
        **more,
    )


def arin(**more: Any) -> AltConfig:
    return AltConfig(
        **{
            "name": "arin",
            "instance_id": 0,
            "own_as": AS_OF["arin"],
            "router_id": "10.254.0.1",
            "level": Level.REGION,
            "blocks": eids("198.18.0.0/19", "2001:db8:e000::/38"),
            "backup_blocks": eids("198.18.32.0/19", "2001:db8:e400::/38"),
            "delegations": PLAN,
            "tunnels": (
                tunnel("ripe", Role.PEER, 0),
                tunnel("apnic", Role.PEER, 1),
                tunnel("lacnic", Role.PEER, 2),
                tunnel("mspa", Role.CHILD, 6),
                tunnel("mspb", Role.CHILD, 9),
            ),
            **more,
        }
    )


def mspa(**more: Any) -> AltConfig:
    return AltConfig(
        **{
            "name": "mspa",
            "instance_id": 0,
            "own_as": AS_OF["mspa"],
            "router_id": "10.254.0.11",
            "level": Level.MSP,
            "blocks": eids("198.18.0.0/21", "2001:db8:e000::/40"),
            "delegations": PLAN,
            "tunnels": (
                tunnel("arin", Role.PARENT, 6, first=False),
                tunnel("ripe", Role.BACKUP, 7, first=False),
                tunnel("etr1", Role.CHILD, 11),
            ),
            **more,
        }
    )


def mspb(**more: Any) -> AltConfig:
    return AltConfig(
        **{
            "name": "mspb",
            "instance_id": 0,
            "own_as": AS_OF["mspb"],
            "router_id": "10.254.0.12",
            "level": Level.MSP,
            "blocks": eids("198.18.32.0/21"),
            "delegations": PLAN,
            "tunnels": (
                tunnel("ripe", Role.PARENT, 8, first=False),
                tunnel("arin", Role.BACKUP, 9, first=False),
            ),
            **more,
        }
    )


class Driven:
    """A router with a clock of its own; effects are gathered, FIB and neighbours mirrored."""

    def __init__(self, config: AltConfig, today: date = TODAY) -> None:
        self.now = 1000.0
        self.router = AltRouter(config, today)
        self.effects: list[AltEffect] = []
        self.fib: dict[EidPrefix, Via | Local] = {}
        self.told: dict[str, dict[EidPrefix, PathAttributes]] = {}
        self._take(self.router.start(self.now))

    def send(self, *events: AltEvent) -> list[AltEffect]:
        """Events at the present time; returns their effects."""
        effects = [e for event in events for e in self.router.handle(event, self.now)]
        self._take(effects)
        return effects

    def pass_time(self, seconds: float) -> list[AltEffect]:
        """Let time pass, waking the router whenever it asked for it."""
        until = self.now + seconds
        effects: list[AltEffect] = []
        for _ in range(10_000):
            due = self.router.next_deadline()
            if due is None or due > until:
                self.now = until
                self._take(effects)
                return effects
            self.now = max(self.now, due)
            effects += self.router.expire(self.now)
        raise AssertionError("the router never settles")

    def settle(self) -> list[AltEffect]:
        """Until neighbours have been told."""
        return self.pass_time(0.1)

    def take(self, effects: list[AltEffect]) -> list[AltEffect]:
        """Mirror effects that came from elsewhere."""
        self._take(effects)
        return effects

    def up(self, *names: str, graceful: int | None = 60, router_id: int | None = None) -> None:
        for name in names:
            number = AS_OF[name] if router_id is None else router_id
            forwarding = frozenset(FAMILIES if graceful else ())
            self.send(
                OpenReceived(name, number, frozenset(FAMILIES), graceful, forwarding),
                PeerUp(name),
            )

    def down(self, name: str, *, clean: bool = False) -> list[AltEffect]:
        return self.send(PeerDown(name, "closing connection", clean))

    def hear(
        self, name: str, *prefixes: str, path: tuple[int, ...] = (), **more: Any
    ) -> list[AltEffect]:
        """Prefixes of one family announced by a neighbour; path: ASes behind its own."""
        announced = eids(*prefixes)
        attributes = PathAttributes(
            (AS_OF[name], *path), self._next_hop(name, announced[0].family), **more
        )
        return self.send(UpdateReceived(name, ((attributes, announced),)))

    def withdraw(self, name: str, *prefixes: str) -> list[AltEffect]:
        return self.send(UpdateReceived(name, (), eids(*prefixes)))

    def end_of_rib(self, name: str) -> list[AltEffect]:
        return self.send(*(EndOfRibReceived(name, family) for family in FAMILIES))

    def prefixes_told(self, name: str) -> set[str]:
        return {str(prefix) for prefix in self.told.get(name, {})}

    def reasons(self) -> dict[str, str]:
        """The reason by prefix of everything rejected so far."""
        return {str(e.prefix): e.reason for e in self.effects if isinstance(e, Rejected)}

    def _next_hop(self, name: str, family: Family) -> str:
        return self.router.peers[name].tunnel.peer_address(family)

    def _take(self, effects: list[AltEffect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case FibChange(prefix, None):
                    del self.fib[prefix]
                case FibChange(prefix, target) if target is not None:
                    self.fib[prefix] = target
                case Announce(peer, prefixes, attributes):
                    self.told.setdefault(peer, {}).update(dict.fromkeys(prefixes, attributes))
                case Withdraw(peer, prefixes):
                    for prefix in prefixes:
                        del self.told[peer][prefix]
