"""The plan check: every contradiction is found, and the pilot's own plans have none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alt.levels import Level
from alt.model import AltConfig
from alt.plan import findings
from alt.roles import Role
from tests.alt.control.pilot import (
    AS_OF,
    PLAN,
    TODAY,
    arin,
    delegation,
    eid,
    eids,
    moved,
    mspa,
    mspb,
    tunnel,
)


def errors(config: AltConfig) -> list[str]:
    return [
        f"{finding.steps}: {finding.message}"
        for finding in findings(config, TODAY)
        if finding.is_error
    ]


def without(config: AltConfig, *names: str) -> AltConfig:
    return replace(config, tunnels=tuple(t for t in config.tunnels if t.name not in names))


@pytest.mark.parametrize(
    "config",
    [
        arin(),
        mspa(),
        mspb(),
        arin(delegations=moved()),
        mspa(delegations=moved()),
        mspb(delegations=moved()),
    ],
)
def test_the_pilot_s_plans_have_no_findings(config: AltConfig) -> None:
    assert findings(config, TODAY) == []


CONTRADICTIONS: list[tuple[AltConfig, str]] = [
    (
        without(arin(), "mspa"),
        "198.18.0.0/19 may not be aggregated here: 198.18.0.0/21 in it is announced by mspa",
    ),
    (
        without(arin(), "mspb"),
        "198.18.32.0/19 may not be aggregated here: 198.18.32.0/21 in it is announced by mspb",
    ),
    (without(arin(delegations=moved()), "mspb"), "198.18.1.0/24 in it is announced by mspb"),
    (mspa(blocks=eids("198.18.0.0/21", "198.18.0.0/21")), "198.18.0.0/21 is listed twice"),
    (arin(backup_blocks=eids("198.18.0.0/19")), "198.18.0.0/19 is listed twice"),
    (arin(delegations=(*PLAN, PLAN[0])), "198.18.0.0/19 is delegated twice"),
    (arin(blocks=eids("198.18.0.0/18")), "198.18.0.0/18 does not belong to level region"),
    (arin(blocks=eids("198.18.64.0/19")), "is delegated to apnic, which is neither this node"),
    (arin(backup_blocks=eids("198.18.0.0/19"), blocks=()), "is delegated to this node itself"),
    (mspa(level=Level.EDGE), "an edge node holds no blocks"),
    (
        arin(delegations=(*PLAN, delegation("203.0.113.0/24", Level.SITE, "x", "arin"))),
        "this node provides for 203.0.113.0/24, but none of its blocks covers it",
    ),
    (
        arin(delegations=(*PLAN, delegation("198.18.8.0/23", Level.MSP, "x", "ripe"))),
        "198.18.8.0/23 does not belong to level msp, whose blocks are /21 to /21",
    ),
    (mspb(delegations=moved(cap=0)), "198.18.1.0/24 is one exception more than 198.18.0.0/21"),
    (
        mspa(tunnels=(replace(mspa().tunnels[0], remote="198.18.2.9"),)),
        "198.18.2.9 lies in the EID block 198.18.2.0/24",
    ),
    (
        mspa(tunnels=(mspa().tunnels[0], replace(mspa().tunnels[0], name="again"))),
        "two tunnels go to 192.0.2.106 with key 1006",
    ),
    (
        mspa(tunnels=(mspa().tunnels[0], replace(mspa().tunnels[1], name="arin"))),
        "two tunnels are named arin",
    ),
    (
        mspa(tunnels=(replace(mspa().tunnels[0], peer_as=AS_OF["mspa"]),)),
        "AS 65201 is this node's own",
    ),
    (
        arin(
            tunnels=(*arin().tunnels, replace(tunnel("arin2", Role.SIBLING, 12), peer_as=65101)),
            ibgp_mesh=("arin", "arin2", "arin3"),
        ),
        "arin3 shares AS 65101, but there is no sibling tunnel to it",
    ),
    (
        AltConfig(
            "mr1", 0, 65301, "10.254.0.21", Level.EDGE, tunnels=(tunnel("arin2", Role.SIBLING, 12),)
        ),
        "a sibling aggregates the same blocks, but this node has none",
    ),
]


@pytest.mark.parametrize(("config", "message"), CONTRADICTIONS)
def test_a_contradiction_is_found(config: AltConfig, message: str) -> None:
    found = errors(config)
    assert any(message in line for line in found), found


def test_a_sibling_s_session_will_do() -> None:
    plan = tuple(replace(d, providers=("arin2",)) if d.holder == "mspa" else d for d in PLAN)
    lonely = without(arin(delegations=plan), "mspa")
    assert any("announced by mspa" in line for line in errors(lonely))
    sibling = tunnel("arin2", Role.SIBLING, 12)
    assert errors(replace(lonely, tunnels=(*lonely.tunnels, sibling))) == []


def test_a_full_mesh_inside_one_as_is_accepted() -> None:
    mesh = (*arin().tunnels, replace(tunnel("arin2", Role.SIBLING, 12), peer_as=65101))
    assert errors(arin(tunnels=mesh, ibgp_mesh=("arin", "arin2"))) == []


def test_a_site_with_a_foreign_provider_has_to_say_that_it_left() -> None:
    block = eid("198.18.2.0/24")
    plan = tuple(replace(d, providers=("mspb",)) if d.block == block else d for d in PLAN)
    assert any("add mspa to lineage:" in line for line in errors(arin(delegations=plan)))


def test_a_delegation_that_has_ended_is_a_warning() -> None:
    block, ended = eid("198.18.2.0/24"), TODAY - timedelta(days=1)
    plan = tuple(replace(d, valid_until=ended) if d.block == block else d for d in PLAN)
    found = findings(mspa(delegations=plan), TODAY)
    assert [finding.is_error for finding in found] == [False]
    assert "ended on 2027-01-30" in found[0].message
