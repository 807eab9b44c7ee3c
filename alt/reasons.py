"""Why the ALT says no: closed sets, so that they can be counters and be looked up."""

from __future__ import annotations

from typing import Final

IMPORT_REASONS: Final[dict[str, str]] = {
    "host-route": "a route to a single EID never enters the ALT",
    "default-route": "a default route only ever comes down from a parent",
    "covers-tunnel-remote": "the prefix holds the far end of a tunnel: it would swallow the tunnel",
    "non-lisp-hole": "the prefix lies in space that is configured as used by no LISP site",
    "own-block": "the prefix is, holds or lies in a block that this node announces",
    "outside-block": "the prefix lies in no block that this node aggregates",
    "not-delegated": "no delegation gives the prefix to this neighbour",
    "delegation-not-valid": "the delegation is not yet or no longer valid",
    "moved": "the delegation names another provider",
    "too-long": "the prefix is longer than its delegation's level allows",
    "more-specific-on-horizontal": "a peer may only send prefixes of this level or shorter",
    "exception-over-cap": "the block's cap for exceptions is used up",
    "not-allowed": "the tunnel's allow list does not hold the prefix",
    "as-loop": "the AS path holds this node's own AS",
    "first-as": "the AS path does not begin with the neighbour's AS",
    "next-hop": "the next hop is not the neighbour's address on the tunnel",
    "damped": "the route changed too often and waits until it is stable",
}
"""Reasons for refusing a route, each with a sentence for the operator."""

LEAK_REASONS: Final = frozenset(
    {
        "host-route",
        "own-block",
        "outside-block",
        "not-delegated",
        "too-long",
        "more-specific-on-horizontal",
        "exception-over-cap",
    }
)
"""Refusals that say that the neighbour's own filters are missing."""

EXPORT_REASONS: Final[dict[str, str]] = {
    "host-route": "a route to a single EID never leaves",
    "came-from-there": "a route never goes back to where it came from",
    "as-loop": "its AS path has passed the neighbour's AS",
    "inside-aggregate": "it lies in a block of this node, whose aggregate stands for it",
    "not-for-role": "neighbours of this role are not told of such routes",
    "no-address": "the tunnel has no address of the prefix's family",
}
"""Reasons for not telling a neighbour of a route, each with a sentence for the operator."""

SESSION_REASONS: Final[dict[str, str]] = {
    "max-prefix": "the neighbour sent more prefixes than its max-prefix",
    "quarantined": "the neighbour flapped or leaked too much",
}
"""Reasons for closing a session from this side."""
