"""All checks of each network, in the order in which they are run."""

from __future__ import annotations

from tests.alt.lab import checks_faults, checks_forwarding, checks_mobility, checks_routing
from tests.alt.lab.checks_traces import well_formed
from tests.alt.lab.pilot import Pilot
from tests.alt.lab.report import Check


def of_pilot(*, quick: bool) -> list[Check[Pilot]]:
    """quick: those that fit into a minute, with fewer hosts."""
    hosts = checks_mobility.QUICK_HOSTS if quick else checks_mobility.HOSTS
    checks = [
        *checks_forwarding.CHECKS,
        *checks_routing.CHECKS,
        checks_mobility.check(hosts),
        *checks_faults.CHECKS,
        Check[Pilot](
            "W",
            "everything captured so far, read by tshark",
            "no malformed packet",
            lambda network: well_formed(network.lab),
        ),
    ]
    return [check for check in checks if check.quick or not quick]
