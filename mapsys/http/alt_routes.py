"""The routes below ``/api/v1/alt``."""

from __future__ import annotations

from typing import Final

import msgspec

from mapsys.http import alt, alt_topology, alt_views
from mapsys.http.formats import LIST_MEDIA
from mapsys.http.problem import Problem
from mapsys.http.role import Role
from mapsys.http.route import EID, INSTANCE_ID, PAGING, Route
from mapsys.query_alt_rows import AltList

_LISTS: Final[tuple[tuple[AltList, str, type[msgspec.Struct]], ...]] = (
    ("peers", "The ALT's neighbours and their BGP sessions.", alt_views.AltPeerView),
    ("routes", "Accepted routes, and whom they are told.", alt_views.AltRouteView),
    ("aggregates", "Blocks that this node announces.", alt_views.AltAggregateView),
    ("delegations", "Delegations, and how they stand.", alt_views.AltDelegationView),
    ("rejected", "Routes that policy refuses, and why.", alt_views.AltRejectedView),
    ("tunnels", "Tunnels with their counters.", alt_views.AltTunnelView),
)

ALT: Final = (
    *(
        Route(
            f"/api/v1/alt/{what}",
            alt.listing(what, rows),
            summary,
            rows=rows,
            media=LIST_MEDIA,
            parameters=(INSTANCE_ID, *PAGING),
            problems=(Problem.NO_ALT, Problem.BAD_CURSOR, Problem.NOT_ACCEPTABLE),
        )
        for what, summary, rows in _LISTS
    ),
    Route(
        "/api/v1/alt/trace/{eid:[\\s\\S]+}",
        alt.alt_trace,
        "The way of Map-Requests for an EID over the ALT, hop by hop.",
        alt_views.TraceView,
        parameters=(EID, INSTANCE_ID),
        problems=(Problem.NO_ALT, Problem.NOT_TRACEABLE, Problem.INVALID_EID),
    ),
    Route(
        "/api/v1/alt/topology",
        alt_topology.topology,
        "This node and its neighbours as nodes and edges, from the live sessions.",
        alt_topology.TopologyView,
        parameters=(INSTANCE_ID,),
        problems=(Problem.NO_ALT,),
    ),
    Route(
        "/api/v1/alt/operation",
        alt.alt_operation,
        "How the last planned operation stands.",
        alt_views.AltOperationView,
        problems=(Problem.NO_ALT, Problem.NO_OPERATION),
    ),
    *(
        Route(
            f"/api/v1/alt/{kind}",
            handler,
            summary,
            alt_views.AltOperationView,
            method="POST",
            body=body,
            problems=(
                Problem.NO_ALT,
                Problem.ORDER_REFUSED,
                Problem.INVALID_EID,
                Problem.NOT_OVER_TCP,
            ),
            role=Role.ADMIN,
        )
        for kind, handler, summary, body in (
            ("rehome", alt.alt_rehome, "Put another tunnel in a tunnel's place.", alt.RehomeBody),
            (
                "switch-provider",
                alt.alt_switch_provider,
                "Switch a site's provider, as far as this node is concerned.",
                alt.SwitchBody,
            ),
        )
    ),
)
"""What there is to see of the ALT, and what can be ordered."""
