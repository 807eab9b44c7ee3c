"""Every route of the HTTP process."""

from __future__ import annotations

from typing import Final

from mapsys.http import (
    api,
    explain,
    health,
    keys,
    life,
    map_requests,
    metrics,
    openapi,
    poller,
    review,
)
from mapsys.http.alt_routes import ALT
from mapsys.http.event_routes import EVENTS
from mapsys.http.explain_views import ExplainView, HistoryView
from mapsys.http.feed_routes import FEEDS
from mapsys.http.formats import JSON, LIST_MEDIA
from mapsys.http.page_routes import PAGE
from mapsys.http.problem import Problem
from mapsys.http.provision_routes import PROVISIONING
from mapsys.http.role import Role
from mapsys.http.route import (
    CURSOR,
    DAY,
    EID,
    FLAG,
    INSTANCE_ID,
    KEY_ID,
    LIMIT,
    LOCATOR,
    MATCH,
    NAME,
    PAGING,
    PREFIX,
    SITE,
    STATE,
    TEXT,
    XTR_ID,
    Route,
)
from mapsys.http.views import (
    ConfigView,
    LookupView,
    RegistrationView,
    SiteDetailView,
    SiteView,
    StatusView,
)
from mapsys.lig_result import LigResult
from mapsys.query_review_rows import FindingRow

STATUS: Final = (
    Route("/api/v1/status", api.status, "How the daemon is.", StatusView),
    Route(
        "/api/v1/config",
        api.config,
        "The configuration in effect, its sites apart; secrets are not shown.",
        ConfigView,
    ),
    Route(
        "/api/v1/review",
        review.review,
        "What may not be wise in the configuration in effect and in its host, the gravest first.",
        rows=FindingRow,
        media=LIST_MEDIA,
        parameters=PAGING,
        problems=(Problem.BAD_CURSOR, Problem.NOT_ACCEPTABLE),
    ),
    Route(
        "/api/v1/sites",
        api.sites,
        "The configured sites, by name.",
        rows=SiteView,
        media=LIST_MEDIA,
        parameters=PAGING,
        problems=(Problem.BAD_CURSOR, Problem.NOT_ACCEPTABLE),
        tenants=True,
    ),
    Route(
        "/api/v1/sites/{name}",
        api.site,
        "One site: what it may register, what of it is registered, and its last refusal.",
        SiteDetailView,
        parameters=(NAME,),
        problems=(Problem.UNKNOWN_SITE,),
        tenants=True,
    ),
    Route(
        "/api/v1/sites/{name}/keys",
        keys.keys,
        "A site's key-ids and when they were used; never a secret.",
        keys.KeysView,
        parameters=(NAME,),
        problems=(Problem.UNKNOWN_SITE,),
    ),
    Route(
        "/api/v1/registrations",
        api.registrations,
        "Registrations in the order of their EID-Prefixes.",
        rows=RegistrationView,
        media=LIST_MEDIA,
        parameters=(SITE, INSTANCE_ID, PREFIX, MATCH, STATE, LOCATOR, XTR_ID, *PAGING),
        problems=(Problem.BAD_CURSOR, Problem.INVALID_EID, Problem.NOT_ACCEPTABLE),
        tenants=True,
    ),
)
"""What is configured and registered."""

EIDS: Final = (
    Route(
        "/api/v1/lookup/{eid:[\\s\\S]+}",
        api.lookup,
        "What a Map-Request for an EID would be answered, and why.",
        LookupView,
        parameters=(EID, INSTANCE_ID),
        problems=(Problem.INVALID_EID, Problem.UNKNOWN_EID),
        tenants=True,
    ),
    Route(
        "/api/v1/explain/{eid:[\\s\\S]+}",
        explain.explain,
        "The same with everything that decides.",
        ExplainView,
        parameters=(EID, INSTANCE_ID),
        problems=(Problem.INVALID_EID, Problem.UNKNOWN_EID),
        tenants=True,
    ),
    Route(
        "/api/v1/history/{eid:[\\s\\S]+}",
        explain.history,
        "What happened to an EID and to EID-Prefixes around it, newest first.",
        rows=HistoryView,
        media=LIST_MEDIA,
        parameters=(EID, INSTANCE_ID, *PAGING),
        problems=(
            Problem.INVALID_EID,
            Problem.UNKNOWN_EID,
            Problem.BAD_CURSOR,
            Problem.NOT_ACCEPTABLE,
        ),
        tenants=True,
    ),
)
"""What is known about one EID."""

QUERIES: Final = (
    Route(
        "/api/v1/map-requests",
        map_requests.map_requests,
        "Ask a Map-Resolver for an EID, as an ITR would, and tell what came.",
        LigResult,
        method="POST",
        body=map_requests.MapRequestBody,
        problems=(
            Problem.INVALID_EID,
            Problem.UNKNOWN_MAP_RESOLVER,
            Problem.UNSUPPORTED_MEDIA,
            Problem.TOO_MANY_QUERIES,
            Problem.NO_MAP_REPLY,
        ),
    ),
)
"""What asks the network; it changes nothing, so whoever may look may ask."""

LIFE: Final = (
    Route(
        "/api/v1/reload",
        life.reload,
        "Read the configuration again: for good, on trial, or only to say what would change.",
        life.ReloadView,
        method="POST",
        body=life.ReloadBody,
        problems=(
            Problem.INVALID_CONFIGURATION,
            Problem.RELOAD_REFUSED,
            Problem.UNSUPPORTED_MEDIA,
        ),
        role=Role.OPERATE,
    ),
    *(
        Route(
            f"/api/v1/reload/{decision}",
            handler,
            f"{summary} the configuration that is on trial.",
            life.ReloadView,
            method="POST",
            body=life.DecisionBody,
            problems=(Problem.NOTHING_UNCONFIRMED, Problem.UNSUPPORTED_MEDIA),
            role=Role.OPERATE,
        )
        for decision, handler, summary in (
            ("confirm", life.confirm, "Keep"),
            ("undo", life.undo, "Take back"),
        )
    ),
    Route(
        "/api/v1/stop",
        life.stop,
        "End the daemon, at once or after it has served on for a while.",
        life.StopView,
        method="POST",
        body=life.StopBody,
        problems=(Problem.UNSUPPORTED_MEDIA,),
        role=Role.ADMIN,
    ),
)
"""What reloads the daemon or ends it."""

ORDERS: Final = (
    Route(
        "/api/v1/sites/{name}/keys/{key_id}/forget-nonce",
        keys.forget_nonce,
        "Forget the highest nonce of an xTR, so that it can start again with any.",
        keys.ForgottenView,
        method="POST",
        body=keys.ForgetNonceBody,
        parameters=(NAME, KEY_ID),
        problems=(
            Problem.UNKNOWN_SITE,
            Problem.UNKNOWN_KEY,
            Problem.NO_NONCE,
            Problem.NOT_OVER_TCP,
            Problem.NOT_DONE,
        ),
        role=Role.ADMIN,
    ),
)
"""What changes something."""

POLLER: Final = (
    Route(
        "/api/v1/poller",
        poller.poller,
        "The last complete cycle of the poller, with its EIDs in order.",
        poller.PollerView,
        parameters=(FLAG, LIMIT, CURSOR),
        problems=(Problem.NO_POLL_RESULTS, Problem.BAD_CURSOR),
    ),
    Route(
        "/api/v1/poller/dumps",
        poller.dumps,
        "The days that there is a dump of, the newest last.",
        poller.DumpsView,
        problems=(Problem.NO_POLL_RESULTS,),
    ),
    Route(
        "/api/v1/poller/dumps/{day}",
        poller.dump,
        "The dump of a day: a line for each EID.",
        poller.DumpView,
        parameters=(DAY,),
        problems=(Problem.NO_POLL_RESULTS,),
    ),
    Route(
        "/api/v1/poller/dumps/{day}/diff",
        poller.difference,
        "Lines that went and came since the dump before.",
        poller.DumpView,
        parameters=(DAY,),
        problems=(Problem.NO_POLL_RESULTS,),
    ),
)
"""What the poller found."""

OWN: Final = (
    Route(
        "/livez",
        health.livez,
        "This process answers.",
        health.Alive,
        asks_daemon=False,
        role=None,
    ),
    Route(
        "/readyz",
        health.readyz,
        "Whether LISP messages are served.",
        health.Readiness,
        also=(503,),
        asks_daemon=False,
        role=None,
    ),
    Route(
        "/version",
        health.version,
        "The version of mapsys.",
        health.Version,
        asks_daemon=False,
        role=None,
    ),
    Route(
        "/metrics",
        metrics.metrics,
        "Prometheus text, or OpenMetrics where Accept asks for it.",
        media=(TEXT, "application/openmetrics-text"),
        asks_daemon=False,
    ),
    Route(
        "/openapi.json",
        openapi.openapi,
        "This description.",
        media=(JSON,),
        asks_daemon=False,
        role=None,
    ),
)
"""About this process and its interface."""

ROUTES: Final = (
    *STATUS,
    *EIDS,
    *EVENTS,
    *FEEDS,
    *QUERIES,
    *LIFE,
    *ORDERS,
    *PROVISIONING,
    *POLLER,
    *ALT,
    *OWN,
    *PAGE,
)
