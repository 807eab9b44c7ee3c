"""The router as a whole: the pilot network's expected state, and what changes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from alt.bgp.events import (
    AnnounceRefused,
    DayChanged,
    EventsLost,
    OpenReceived,
    OriginateLocal,
    PeerUp,
    RefreshKind,
    RefreshReceived,
    SpeakerLost,
    WithdrawLocal,
)
from alt.effects import (
    Announce,
    EndOfRib,
    FibChange,
    Local,
    Rejected,
    RequestRefresh,
    Resume,
    Suspend,
    Teardown,
    Via,
    Withdraw,
)
from alt.levels import Level
from alt.model import AnnounceWhen, Export
from alt.rib.attributes import BACKUP_COMMUNITY
from alt.roles import Role
from mapsys.eid import Family
from tests.alt.control.pilot import (
    AS_OF,
    PLAN,
    TODAY,
    Driven,
    arin,
    delegation,
    eid,
    eids,
    moved,
    mspa,
    mspb,
    tunnel,
)


def regional() -> Driven:
    """arin with everybody up and everything heard."""
    node = Driven(arin())
    node.up("ripe", "apnic", "lacnic", "mspa", "mspb")
    node.hear("ripe", "198.18.32.0/19")
    node.hear("apnic", "198.18.64.0/19")
    node.hear("lacnic", "198.18.96.0/19")
    node.hear("mspa", "198.18.0.0/21")
    node.hear("mspb", "198.18.32.0/21")
    node.settle()
    return node


def test_a_region_tells_peers_its_own_block_and_nothing_longer() -> None:
    node = regional()
    assert node.prefixes_told("ripe") >= {"198.18.0.0/19", "2001:db8:e000::/38"}
    for peer in ("ripe", "apnic", "lacnic"):
        assert all(p.length <= 19 for p in node.told[peer] if p.family is Family.IPV4)


def test_a_route_never_goes_back_to_its_neighbour() -> None:
    node = regional()
    assert "198.18.32.0/19" not in node.prefixes_told("ripe")
    assert "198.18.32.0/19" in node.prefixes_told("apnic")
    assert "198.18.0.0/21" not in node.prefixes_told("mspa")


def test_own_as_is_prepended_and_the_next_hop_is_the_tunnel_s() -> None:
    node = regional()
    attributes = node.told["apnic"][eid("198.18.32.0/19")]
    assert attributes.as_path == (65101, 65102)
    assert attributes.next_hop == "10.255.0.2"
    assert node.told["apnic"][eid("2001:db8:e000::/38")].next_hop == "fd00:a17::2"


def test_a_child_gets_the_aggregates() -> None:
    node = regional()
    assert node.prefixes_told("mspa") == {
        "198.18.0.0/19",
        "198.18.32.0/19",
        "198.18.64.0/19",
        "198.18.96.0/19",
        "2001:db8:e000::/38",
    }


def test_an_msp_sends_its_block_to_both_parents_and_keeps_its_sites() -> None:
    node = Driven(mspa())
    node.up("arin", "ripe", "etr1")
    node.hear("etr1", "198.18.1.0/24", "198.18.1.128/26")
    node.send(OriginateLocal(eid("198.18.2.0/24")))
    node.settle()
    for parent in ("arin", "ripe"):
        assert node.prefixes_told(parent) == {"198.18.0.0/21", "2001:db8:e000::/40"}
    assert node.fib[eid("198.18.1.128/26")] == Via("etr1")
    assert node.fib[eid("198.18.2.0/24")] == Local("site")


def test_what_a_site_does_is_not_heard_above() -> None:
    node = Driven(mspa())
    node.up("arin", "ripe", "etr1")
    node.settle()
    before = len(node.effects)
    for _ in range(3):
        node.send(OriginateLocal(eid("198.18.2.0/24")))
        node.settle()
        node.send(WithdrawLocal(eid("198.18.2.0/24")))
        node.settle()
    spoken = [e for e in node.effects[before:] if isinstance(e, Announce | Withdraw)]
    assert [e for e in spoken if e.peer != "etr1"] == []


def test_undelegated_announcements_are_refused_with_their_reason() -> None:
    node = Driven(mspa())
    node.up("etr1")
    node.hear("etr1", "198.18.7.0/24", "203.0.113.0/24", "198.18.1.0/29", "198.18.1.1/32")
    assert node.reasons() == {
        "198.18.7.0/24": "not-delegated",
        "203.0.113.0/24": "outside-block",
        "198.18.1.0/29": "too-long",
        "198.18.1.1/32": "host-route",
    }
    rejected = [e for e in node.effects if isinstance(e, Rejected)]
    assert rejected[2].delegation == eid("198.18.1.0/24")


def test_a_refusal_is_told_once_while_it_stays_the_same() -> None:
    node = Driven(mspa())
    node.up("etr1")
    node.hear("etr1", "198.18.7.0/24")
    node.hear("etr1", "198.18.7.0/24", path=(1,))
    assert len([e for e in node.effects if isinstance(e, Rejected)]) == 1


def test_more_specifics_on_a_horizontal_link_are_refused() -> None:
    node = Driven(arin())
    node.up("apnic")
    node.hear("apnic", "198.18.64.0/24", "198.18.0.0/19", "198.18.0.0/21", "198.18.0.0/15")
    assert node.reasons() == {
        "198.18.64.0/24": "more-specific-on-horizontal",
        "198.18.0.0/19": "own-block",
        "198.18.0.0/21": "own-block",
        "198.18.0.0/15": "own-block",
    }


def test_another_region_s_block_is_taken_only_as_an_alternative() -> None:
    node = regional()
    node.hear("apnic", "198.18.96.0/19", path=(65104,))
    assert node.fib[eid("198.18.96.0/19")] == Via("lacnic")
    node.withdraw("lacnic", "198.18.96.0/19")
    assert node.fib[eid("198.18.96.0/19")] == Via("apnic")


def test_a_tunnel_may_allow_less_than_the_delegations() -> None:
    bounded = tunnel("etr1", Role.CHILD, 11, allow=eids("198.18.1.128/25"))
    node = Driven(mspa(tunnels=(bounded,)))
    node.up("etr1")
    node.hear("etr1", "198.18.1.0/24", "198.18.1.128/26")
    assert node.reasons() == {"198.18.1.0/24": "not-allowed"}
    assert node.fib[eid("198.18.1.128/26")] == Via("etr1")


def test_path_faults_are_refused() -> None:
    node = Driven(arin())
    node.up("apnic", "ripe")
    node.hear("apnic", "198.18.64.0/19", path=(65101,))
    assert node.reasons()["198.18.64.0/19"] == "as-loop"
    node.router.peers["ripe"].tunnel = replace(node.router.peers["ripe"].tunnel, peer_as=7)
    node.hear("ripe", "198.18.32.0/19")
    assert node.reasons()["198.18.32.0/19"] == "first-as"


def test_a_next_hop_beside_the_tunnel_is_refused() -> None:
    node = Driven(arin())
    node.up("apnic")
    node._next_hop = lambda name, family: "10.9.9.9"  # type: ignore[method-assign]
    node.hear("apnic", "198.18.64.0/19")
    assert node.reasons() == {"198.18.64.0/19": "next-hop"}


def test_a_backup_announces_while_the_primary_is_gone_and_a_component_is_there() -> None:
    node = regional()
    assert not node.told["apnic"][eid("198.18.32.0/19")].is_backup
    node.down("ripe", clean=True)
    node.settle()
    attributes = node.told["apnic"][eid("198.18.32.0/19")]
    assert attributes.as_path == (65101,)
    assert BACKUP_COMMUNITY in attributes.communities
    assert node.fib[eid("198.18.32.0/19")] == Local("aggregate-hole")
    assert node.fib[eid("198.18.32.0/21")] == Via("mspb")
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19")
    node.settle()
    assert node.told["apnic"][eid("198.18.32.0/19")].as_path == (65101, 65102)
    node.down("ripe", clean=True)
    node.withdraw("mspb", "198.18.32.0/21")
    node.settle()
    assert "198.18.32.0/19" not in node.prefixes_told("apnic")


def test_the_holes_of_a_backup_block_are_answered_only_while_it_is_announced() -> None:
    absent = delegation("198.18.40.0/21", Level.MSP, "mspc", "ripe", "arin")
    node = Driven(arin(delegations=(*PLAN, absent)))
    node.up("ripe", "mspb")
    node.hear("ripe", "198.18.32.0/19")
    node.hear("mspb", "198.18.32.0/21")
    assert absent.block not in node.fib
    node.down("ripe", clean=True)
    assert node.fib[absent.block] == Local("delegated-hole")
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19")
    assert absent.block not in node.fib


def test_two_backups_of_one_block_do_not_silence_each_other() -> None:
    node = regional()
    node.down("ripe", clean=True)
    node.hear("apnic", "198.18.32.0/19", communities=(BACKUP_COMMUNITY,))
    node.settle()
    assert node.told["lacnic"][eid("198.18.32.0/19")].as_path == (65101,)


def test_an_aggregate_can_wait_for_a_component() -> None:
    node = Driven(mspa(announce=AnnounceWhen.WHILE_PRESENT))
    node.up("arin", "etr1")
    node.settle()
    assert node.prefixes_told("arin") == set()
    assert node.fib[eid("198.18.0.0/21")] == Local("aggregate-hole")
    node.hear("etr1", "198.18.1.0/24")
    node.settle()
    assert node.prefixes_told("arin") == {"198.18.0.0/21"}
    node.withdraw("etr1", "198.18.1.0/24")
    node.settle()
    assert node.prefixes_told("arin") == set()


def test_a_hole_says_what_it_is() -> None:
    node = Driven(mspa(non_lisp=eids("198.18.4.0/24")))
    assert node.fib == {
        eid("198.18.0.0/21"): Local("aggregate-hole"),
        eid("2001:db8:e000::/40"): Local("aggregate-hole"),
        eid("198.18.1.0/24"): Local("delegated-hole"),
        eid("198.18.2.0/24"): Local("delegated-hole"),
        eid("198.18.4.0/24"): Local("non-lisp-hole"),
    }


def test_a_region_does_not_shadow_its_msp_with_the_msp_s_own_holes() -> None:
    node = regional()
    assert eid("198.18.1.0/24") not in node.fib
    assert node.fib[eid("198.18.0.0/21")] == Via("mspa")


def test_a_moved_site_is_an_exception_for_the_parents_of_the_block_it_left_alone() -> None:
    new_provider = Driven(mspb(delegations=moved()))
    new_provider.up("ripe", "arin")
    new_provider.send(OriginateLocal(eid("198.18.1.0/24")))
    new_provider.settle()
    assert new_provider.prefixes_told("arin") == {"198.18.32.0/21", "198.18.1.0/24"}
    assert new_provider.prefixes_told("ripe") == {"198.18.32.0/21", "198.18.1.0/24"}

    old_provider = Driven(mspa(delegations=moved()))
    assert old_provider.fib[eid("198.18.1.0/24")] == Local("moved-hole")
    old_provider.up("etr1")
    old_provider.hear("etr1", "198.18.1.0/24")
    assert old_provider.reasons() == {"198.18.1.0/24": "moved"}

    parent = Driven(arin(delegations=moved()))
    assert parent.fib[eid("198.18.1.0/24")] == Local("delegated-hole")
    parent.up("mspa", "mspb", "ripe")
    parent.hear("mspb", "198.18.1.0/24", "198.18.1.0/25")
    parent.hear("mspa", "198.18.0.0/21", "198.18.1.0/24")
    parent.settle()
    assert parent.fib[eid("198.18.1.0/24")] == Via("mspb")
    assert parent.reasons()["198.18.1.0/25"] == "too-long"
    assert parent.reasons()["198.18.1.0/24"] == "not-delegated"
    assert "198.18.1.0/24" not in parent.prefixes_told("ripe")
    assert "198.18.1.0/24" not in parent.prefixes_told("mspa")


def test_exceptions_past_the_cap_are_refused() -> None:
    parent = Driven(arin(delegations=moved(cap=0)))
    parent.up("mspb")
    parent.hear("mspb", "198.18.1.0/24")
    assert parent.reasons() == {"198.18.1.0/24": "exception-over-cap"}


def test_siblings_exchange_components() -> None:
    sibling = tunnel("arin2", Role.SIBLING, 12)
    node = Driven(arin(tunnels=(*arin().tunnels, sibling)))
    node.up("arin2", "mspa", "ripe")
    node.hear("mspa", "198.18.0.0/21")
    node.hear("arin2", "198.18.0.0/19", "198.18.64.0/19", "198.18.8.0/21")
    node.settle()
    assert node.prefixes_told("arin2") == {"198.18.0.0/21"}
    assert node.reasons() == {
        "198.18.0.0/19": "own-block",
        "198.18.64.0/19": "outside-block",
        "198.18.8.0/21": "not-delegated",
    }
    node.withdraw("mspa", "198.18.0.0/21")
    node.hear("arin2", "198.18.0.0/21", path=(65201,))
    node.settle()
    assert node.fib[eid("198.18.0.0/21")] == Via("arin2")
    assert "198.18.0.0/21" not in node.prefixes_told("arin2")


def test_what_siblings_share_an_as_for_is_not_prepended() -> None:
    sibling = replace(tunnel("arin2", Role.SIBLING, 12), peer_as=AS_OF["arin"])
    node = Driven(arin(tunnels=(*arin().tunnels, sibling), ibgp_mesh=("arin", "arin2")))
    node.up("arin2", "mspa")
    node.hear("mspa", "198.18.0.0/21")
    node.settle()
    assert node.told["arin2"][eid("198.18.0.0/21")].as_path == (65201,)


def test_a_child_may_get_only_a_default_route_or_everything() -> None:
    tunnels = (
        tunnel("mspa", Role.CHILD, 6, export=Export.DEFAULT),
        tunnel("mspb", Role.CHILD, 9, export=Export.FULL),
    )
    node = Driven(arin(tunnels=tunnels))
    node.up("mspa", "mspb")
    node.hear("mspa", "198.18.0.0/21")
    node.settle()
    assert node.prefixes_told("mspa") == {"0.0.0.0/0", "::/0"}
    assert node.prefixes_told("mspb") == {
        "198.18.0.0/19",
        "198.18.0.0/21",
        "2001:db8:e000::/38",
    }


def test_a_child_that_wants_aggregates_gets_nothing_longer_from_above() -> None:
    node = Driven(mspa())
    node.up("arin", "etr1")
    node.hear("arin", "198.18.64.0/19", "198.18.70.0/24")
    node.settle()
    assert node.fib[eid("198.18.70.0/24")] == Via("arin")
    assert node.prefixes_told("etr1") == {"198.18.0.0/21", "198.18.64.0/19", "2001:db8:e000::/40"}


def test_end_of_rib_follows_what_is_known() -> None:
    node = Driven(arin())
    node.up("ripe")
    spoken = [e for e in node.effects if isinstance(e, Announce | EndOfRib)]
    assert [type(e) for e in spoken] == [Announce, Announce, EndOfRib, EndOfRib]


def test_only_families_of_both_ends_are_spoken() -> None:
    node = Driven(arin())
    node.send(OpenReceived("ripe", 1, frozenset({Family.IPV4})), PeerUp("ripe"))
    node.settle()
    assert node.prefixes_told("ripe") == {"198.18.0.0/19"}
    assert [e.family for e in node.effects if isinstance(e, EndOfRib)] == [Family.IPV4]


def test_changes_wait_for_company() -> None:
    node = regional()
    before = len(node.effects)
    node.down("lacnic", clean=True)
    node.down("apnic", clean=True)
    assert not [e for e in node.effects[before:] if isinstance(e, Withdraw)]
    node.settle()
    withdrawn = [e for e in node.effects[before:] if isinstance(e, Withdraw)]
    assert {(e.peer, len(e.prefixes)) for e in withdrawn} == {("ripe", 2), ("mspa", 2), ("mspb", 2)}


def test_a_neighbour_that_returns_is_told_what_changed_meanwhile() -> None:
    node = regional()
    node.down("apnic")
    node.withdraw("lacnic", "198.18.96.0/19")
    node.settle()
    before = len(node.effects)
    node.up("apnic")
    spoken = [e for e in node.effects[before:] if isinstance(e, Announce | Withdraw)]
    assert isinstance(spoken[0], Withdraw)
    assert spoken[0].prefixes == eids("198.18.96.0/19")
    assert {p for e in spoken if isinstance(e, Announce) for p in e.prefixes} == eids_set(node)


def eids_set(node: Driven) -> set[object]:
    return set(node.told["apnic"])


def test_an_announcement_the_speaker_refused_is_repeated_at_the_next_occasion() -> None:
    node = regional()
    node.send(AnnounceRefused("apnic", eids("198.18.0.0/19")))
    node.told["apnic"].pop(eid("198.18.0.0/19"))
    node.down("apnic")
    node.up("apnic")
    assert "198.18.0.0/19" in node.prefixes_told("apnic")


# Graceful restart.


def test_routes_outlive_an_unclean_end_for_the_graceful_time() -> None:
    node = regional()
    node.down("lacnic")
    assert node.fib[eid("198.18.96.0/19")] == Via("lacnic")
    node.pass_time(61)
    assert eid("198.18.96.0/19") not in node.fib


def test_nothing_outlives_a_notification_or_a_neighbour_without_graceful_restart() -> None:
    node = regional()
    node.down("lacnic", clean=True)
    assert eid("198.18.96.0/19") not in node.fib
    node.up("lacnic", graceful=None)
    node.hear("lacnic", "198.18.96.0/19")
    node.down("lacnic")
    assert eid("198.18.96.0/19") not in node.fib


def test_end_of_rib_sweeps_what_was_not_repeated() -> None:
    node = Driven(arin(tunnels=(tunnel("ripe", Role.PEER, 0),)))
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19", "198.18.64.0/19")
    node.down("ripe")
    node.up("ripe")
    node.hear("ripe", "198.18.64.0/19")
    assert eid("198.18.32.0/19") in node.fib
    node.end_of_rib("ripe")
    assert eid("198.18.32.0/19") not in node.fib
    assert node.fib[eid("198.18.64.0/19")] == Via("ripe")


def test_a_neighbour_that_lost_its_forwarding_state_starts_from_nothing() -> None:
    node = Driven(arin())
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19")
    node.down("ripe")
    node.send(OpenReceived("ripe", 1, frozenset(Family), 60, frozenset()), PeerUp("ripe"))
    assert eid("198.18.32.0/19") not in node.fib


def test_a_second_loss_does_not_keep_routes_again() -> None:
    node = Driven(arin())
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19")
    node.down("ripe")
    node.up("ripe")
    node.down("ripe")
    assert eid("198.18.32.0/19") not in node.fib


def test_a_dead_speaker_costs_no_routes_for_the_graceful_time() -> None:
    node = regional()
    fib = dict(node.fib)
    node.send(SpeakerLost())
    node.told.clear()
    assert node.fib == fib
    node.pass_time(30)
    node.up("ripe", "apnic", "lacnic", "mspa", "mspb", graceful=None)
    assert node.fib == fib
    assert node.prefixes_told("mspa") >= {"198.18.0.0/19", "198.18.96.0/19"}
    node.pass_time(121)
    assert eid("198.18.96.0/19") not in node.fib


def test_enhanced_refresh_sweeps_what_is_not_repeated() -> None:
    node = Driven(arin())
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19", "198.18.64.0/19")
    node.send(RefreshReceived("ripe", Family.IPV4, RefreshKind.BEGIN))
    node.hear("ripe", "198.18.32.0/19")
    node.send(RefreshReceived("ripe", Family.IPV4, RefreshKind.END))
    assert node.fib[eid("198.18.32.0/19")] == Via("ripe")
    assert eid("198.18.64.0/19") not in node.fib


def test_a_lost_event_makes_the_neighbour_say_everything_again() -> None:
    node = Driven(arin())
    node.up("ripe")
    assert node.send(EventsLost("ripe")) == [
        RequestRefresh("ripe", Family.IPV4),
        RequestRefresh("ripe", Family.IPV6),
    ]


# Limits.


def test_max_prefix_closes_the_session_and_holds_it_off() -> None:
    limited = tunnel("ripe", Role.PEER, 0, max_prefix=2, hold_off_seconds=60)
    node = Driven(arin(tunnels=(limited,)))
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19", "198.18.64.0/19", "198.18.96.0/19")
    assert Teardown("ripe", "max-prefix", 1) in node.effects
    assert Suspend("ripe") in node.effects
    assert eid("198.18.32.0/19") not in node.fib
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19")
    assert eid("198.18.32.0/19") not in node.fib
    effects = node.pass_time(61)
    assert Resume("ripe") in effects
    node.up("ripe")
    node.hear("ripe", "198.18.32.0/19")
    assert node.fib[eid("198.18.32.0/19")] == Via("ripe")


def test_a_flapping_route_of_a_child_is_damped_and_comes_back() -> None:
    node = Driven(mspa())
    node.up("etr1")
    for _ in range(4):
        node.hear("etr1", "198.18.1.0/24")
        node.withdraw("etr1", "198.18.1.0/24")
    node.hear("etr1", "198.18.1.0/24")
    assert node.reasons() == {"198.18.1.0/24": "damped"}
    assert node.fib[eid("198.18.1.0/24")] == Local("delegated-hole")
    node.pass_time(3600)
    assert node.fib[eid("198.18.1.0/24")] == Via("etr1")


def test_a_flapping_child_is_quarantined_and_comes_back() -> None:
    node = Driven(mspa())
    for _ in range(5):
        node.up("etr1")
        node.down("etr1", clean=True)
    assert Suspend("etr1") in node.effects
    assert Resume("etr1") in node.pass_time(1200)


def test_a_leaking_child_is_quarantined() -> None:
    node = Driven(mspa())
    node.up("etr1")
    node.hear("etr1", *(f"203.0.{n}.0/24" for n in range(100)))
    assert Teardown("etr1", "quarantined", 2) in node.effects


def test_a_parent_is_never_quarantined() -> None:
    node = Driven(mspa())
    for _ in range(20):
        node.up("arin")
        node.hear("arin", *(f"198.18.{n}.0/24" for n in range(8)))
        node.down("arin", clean=True)
    assert not [e for e in node.effects if isinstance(e, Suspend)]


# Knowing what is missing.


def test_absence_is_known_only_after_end_of_rib_from_a_parent() -> None:
    node = Driven(mspa())
    assert not node.router.knows_what_is_missing(Family.IPV4)
    node.up("arin")
    node.hear("arin", "198.18.0.0/19")
    assert not node.router.knows_what_is_missing(Family.IPV4)
    node.end_of_rib("arin")
    assert node.router.knows_what_is_missing(Family.IPV4)
    node.hear("arin", "0.0.0.0/0")
    assert not node.router.knows_what_is_missing(Family.IPV4)
    node.withdraw("arin", "0.0.0.0/0")
    node.down("arin")
    assert not node.router.knows_what_is_missing(Family.IPV4)


def test_at_the_top_absence_is_known_after_end_of_rib_from_every_peer() -> None:
    node = Driven(arin())
    node.up("ripe", "apnic", "lacnic")
    node.end_of_rib("ripe")
    node.end_of_rib("apnic")
    assert not node.router.knows_what_is_missing(Family.IPV4)
    node.end_of_rib("lacnic")
    assert node.router.knows_what_is_missing(Family.IPV4)


# Another configuration, another day.


def test_a_new_configuration_is_applied_to_what_was_heard() -> None:
    node = Driven(mspa())
    node.up("arin", "etr1")
    node.hear("etr1", "198.18.1.0/24", "198.18.7.0/24")
    node.send(OriginateLocal(eid("198.18.5.0/24")))
    more = (
        *PLAN,
        delegation("198.18.7.0/24", Level.SITE, "etr1", "mspa"),
        delegation("198.18.5.0/24", Level.SITE, "site-five", "mspa"),
    )
    node.take(node.router.reconfigure(mspa(delegations=more), TODAY, node.now))
    assert node.fib[eid("198.18.7.0/24")] == Via("etr1")
    assert node.fib[eid("198.18.5.0/24")] == Local("site")
    only_parent = (mspa().tunnels[0],)
    node.take(node.router.reconfigure(mspa(tunnels=only_parent), TODAY, node.now))
    assert node.fib[eid("198.18.1.0/24")] == Local("delegated-hole")
    assert eid("198.18.7.0/24") not in node.fib
    assert eid("198.18.5.0/24") not in node.fib


def test_a_delegation_ends_with_its_last_day() -> None:
    last = TODAY + timedelta(days=1)
    plan = tuple(
        replace(d, valid_until=last) if d.block == eid("198.18.1.0/24") else d for d in PLAN
    )
    node = Driven(mspa(delegations=plan))
    node.up("etr1")
    node.hear("etr1", "198.18.1.0/24")
    node.send(DayChanged(last))
    assert node.fib[eid("198.18.1.0/24")] == Via("etr1")
    node.send(DayChanged(last + timedelta(days=1)))
    assert node.reasons() == {"198.18.1.0/24": "delegation-not-valid"}
    assert eid("198.18.1.0/24") not in node.fib


def test_a_site_may_originate_only_what_is_delegated_to_it_here() -> None:
    node = Driven(mspa())
    for text in ("198.18.7.0/24", "198.18.33.0/24", "198.18.2.0/30", "198.18.2.5/32"):
        node.send(OriginateLocal(eid(text)))
    assert node.reasons() == {
        "198.18.7.0/24": "too-long",
        "198.18.33.0/24": "outside-block",
        "198.18.2.0/30": "too-long",
        "198.18.2.5/32": "host-route",
    }
    assert all(e.peer is None for e in node.effects if isinstance(e, Rejected))


def test_a_site_that_left_or_has_no_delegation_is_not_originated() -> None:
    left = Driven(mspa(delegations=moved()))
    left.send(OriginateLocal(eid("198.18.1.0/24")))
    assert left.reasons() == {"198.18.1.0/24": "moved"}
    unlisted = Driven(mspa(delegations=()))
    unlisted.send(OriginateLocal(eid("198.18.1.0/24")))
    assert unlisted.reasons() == {"198.18.1.0/24": "not-delegated"}


def test_the_same_event_twice_changes_nothing() -> None:
    node = regional()
    node.hear("mspa", "198.18.0.0/21")
    before = len(node.effects)
    node.hear("mspa", "198.18.0.0/21")
    node.settle()
    assert not [e for e in node.effects[before:] if isinstance(e, FibChange | Announce)]


def test_events_of_strangers_have_no_effect() -> None:
    node = Driven(arin())
    assert node.send(PeerUp("nobody")) == []
    assert node.router.reconfigure(arin(), date(2027, 2, 1), node.now) == []
