"""Any sequence of events leaves every invariant of the ALT standing."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alt.bgp.events import OriginateLocal, RefreshKind, RefreshReceived, SpeakerLost, WithdrawLocal
from alt.effects import Local, Via
from alt.model import AnnounceWhen, Export
from alt.rib.attributes import BACKUP_COMMUNITY
from alt.roles import Role
from mapsys.eid import Family
from tests.alt.control.pilot import (
    AS_OF,
    TODAY,
    Driven,
    arin,
    eid,
    eids,
    moved,
    mspa,
    mspb,
    tunnel,
)

PREFIXES = (
    "198.18.0.0/19",
    "198.18.32.0/19",
    "198.18.64.0/19",
    "198.18.96.0/19",
    "198.18.0.0/21",
    "198.18.32.0/21",
    "198.18.1.0/24",
    "198.18.1.128/26",
    "198.18.2.0/24",
    "198.18.33.0/24",
    "198.18.0.0/15",
    "198.18.1.1/32",
    "0.0.0.0/0",
    "2001:db8:e000::/38",
    "2001:db8:e000::/40",
    "2001:db8:e400::/38",
)
CONFIGURATIONS = (
    arin(),
    arin(delegations=moved(), announce=AnnounceWhen.WHILE_PRESENT),
    arin(tunnels=(*arin().tunnels, tunnel("arin2", Role.SIBLING, 12))),
    mspa(),
    mspa(delegations=moved(), non_lisp=eids("198.18.2.0/24")),
    mspa(announce=AnnounceWhen.WHILE_PRESENT),
    mspb(delegations=moved()),
    mspa(tunnels=(*mspa().tunnels, tunnel("mspb", Role.CHILD, 13, export=Export.FULL))),
    mspa(tunnels=(*mspa().tunnels, tunnel("mspb", Role.CHILD, 13, export=Export.DEFAULT))),
)
NEIGHBOURS = st.integers(0, 9)
SETS = st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=4, unique=True)


class AltMachine(RuleBasedStateMachine):
    """A router among neighbours that say anything, in any order."""

    @initialize(number=st.integers(0, len(CONFIGURATIONS) - 1))
    def configure(self, number: int) -> None:
        self.node = Driven(CONFIGURATIONS[number])

    def name(self, number: int) -> str:
        names = sorted(self.node.router.peers)
        return names[number % len(names)]

    def speaking(self, number: int) -> str:
        """A neighbour whose session is up."""
        name = self.name(number)
        if not self.node.router.peers[name].is_up:
            self.node.up(name)
        return name

    @rule(number=NEIGHBOURS, graceful=st.sampled_from([None, 60]))
    def session_comes_up(self, number: int, graceful: int | None) -> None:
        self.node.up(self.name(number), graceful=graceful)

    @rule(number=NEIGHBOURS, clean=st.booleans())
    def session_ends(self, number: int, clean: bool) -> None:
        self.node.down(self.name(number), clean=clean)

    @rule(
        number=NEIGHBOURS,
        texts=SETS,
        path=st.lists(st.sampled_from(sorted(AS_OF.values())), max_size=3).map(tuple),
        backup=st.booleans(),
    )
    def neighbour_announces(
        self, number: int, texts: list[str], path: tuple[int, ...], backup: bool
    ) -> None:
        name = self.speaking(number)
        communities = (BACKUP_COMMUNITY,) if backup else ()
        for family in (Family.IPV4, Family.IPV6):
            of_family = [text for text in texts if eid(text).family is family]
            if of_family:
                self.node.hear(name, *of_family, path=path, communities=communities)

    @rule(number=NEIGHBOURS, texts=SETS)
    def neighbour_announces_what_it_holds(self, number: int, texts: list[str]) -> None:
        self.neighbour_announces(number, texts, (), backup=False)

    @rule(number=NEIGHBOURS, texts=SETS)
    def neighbour_withdraws(self, number: int, texts: list[str]) -> None:
        self.node.withdraw(self.speaking(number), *texts)

    @rule(number=NEIGHBOURS)
    def neighbour_has_sent_all(self, number: int) -> None:
        self.node.end_of_rib(self.speaking(number))

    @rule(number=NEIGHBOURS, kind=st.sampled_from(RefreshKind))
    def neighbour_refreshes(self, number: int, kind: RefreshKind) -> None:
        self.node.send(RefreshReceived(self.speaking(number), Family.IPV4, kind))

    @rule(text=st.sampled_from(PREFIXES), here=st.booleans())
    def site_changes(self, text: str, here: bool) -> None:
        self.node.send(OriginateLocal(eid(text)) if here else WithdrawLocal(eid(text)))

    @rule()
    def speaker_dies(self) -> None:
        self.node.send(SpeakerLost())
        self.node.told.clear()

    @rule(seconds=st.sampled_from([1, 70, 700, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.node.pass_time(seconds)

    @rule(number=st.integers(0, len(CONFIGURATIONS) - 1))
    def delegations_change(self, number: int) -> None:
        config = self.node.router.config
        other = CONFIGURATIONS[number]
        if other.name == config.name:
            self.node.take(self.node.router.reconfigure(other, TODAY, self.node.now))
            for name in set(self.node.told) - set(self.node.router.peers):
                del self.node.told[name]

    @invariant()
    def what_neighbours_know_is_what_they_should(self) -> None:
        self.node.settle()
        for name, peer in self.node.router.peers.items():
            if peer.is_up:
                wanted = dict(self.node.router.wanted(peer))
                assert peer.adj_out.told == wanted
                assert self.node.told.get(name, {}) == wanted

    @invariant()
    def nothing_longer_than_the_level_leaves_upwards_or_sideways(self) -> None:
        router = self.node.router
        for name, peer in router.peers.items():
            if peer.tunnel.role not in (Role.PARENT, Role.BACKUP, Role.PEER) or not peer.is_up:
                continue
            for prefix in self.node.told.get(name, {}):
                registered = (
                    peer.tunnel.role is not Role.PEER
                    and str(prefix) == "198.18.1.0/24"
                    and router.config.name == "mspb"
                )
                assert registered or prefix.length <= router.config.longest(prefix.family)

    @invariant()
    def host_routes_never_leave_and_paths_never_return(self) -> None:
        for name, peer in self.node.router.peers.items():
            for prefix, attributes in self.node.told.get(name, {}).items():
                assert not prefix.is_host
                assert peer.tunnel.peer_as not in attributes.as_path

    @invariant()
    def the_fib_follows_routes_and_holes(self) -> None:
        router = self.node.router
        for route in router.loc_rib:
            expected = Via(route.peer) if route.peer else None
            target = self.node.fib[route.prefix]
            assert target == expected or (expected is None and isinstance(target, Local))
        for prefix, target in self.node.fib.items():
            if isinstance(target, Via):
                best = router.loc_rib.best(prefix)
                assert best is not None
                assert best.peer == target.tunnel

    @invariant()
    def a_held_neighbour_gives_no_routes(self) -> None:
        for name, peer in self.node.router.peers.items():
            if peer.held_until is not None:
                assert Via(name) not in self.node.fib.values()


TestAltMachine = AltMachine.TestCase
TestAltMachine.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
