"""Why the ALT's data plane drops a packet: a closed set, fit for counter labels."""

from __future__ import annotations

from typing import Final

from mapsys.wire.errors import WIRE_REASONS

DATAGRAM_REASONS: Final = frozenset(
    {
        "truncated",
        "bad-ip-version",
        "bad-checksum",
        "ip-fragment",
        "not-udp",
        "not-control-port",
        "bad-source",
        "not-a-map-request",
        "ecm-without-security",
        "rloc-probe",
        "solicit-map-request",
    }
)
"""What is no datagram for the ALT: only Map-Requests for new mappings are (RFC 6836, 5.1)."""

FORWARDING_REASONS: Final = frozenset(
    {
        "tunnel-limit",
        "itr-limit",
        "negative-limit",
        "duplicate",
        "hop-limit",
        "no-route",
        "returned",
        "no-way-up",
        "wrong-instance",
        "wrong-eid",
        "premature-negative",
        "no-itr-rloc",
    }
)
"""returned: the best route leads back to where the packet came from. no-way-up:
a moved hole under no parent's route. wrong-instance, wrong-eid: the Map-Request
asks for something else than it was sent to. premature-negative: a hole met
before the routes are complete. no-itr-rloc: nowhere for a negative answer to go.
"""

PLANE_REASONS: Final = DATAGRAM_REASONS | FORWARDING_REASONS | WIRE_REASONS
"""All of them; the wire reasons come up where a Map-Request is read in full."""


class PlaneDrop(Exception):
    """A packet that goes nowhere.

    reason: one of PLANE_REASONS.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
