"""What the core is told by its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from mapsys.core.changes import REGISTRATION_LIFETIME_SECONDS
from mapsys.core.effects import Endpoint
from mapsys.core.history import HistoryLimits
from mapsys.core.limiter import Limits
from mapsys.core.lisp_sec_settings import LispSecSettings
from mapsys.core.more_specifics import Ceilings
from mapsys.core.pubsub_settings import KnownXtr, PubSubSettings
from mapsys.core.relay_path import Rtr
from mapsys.core.site import LispSite
from mapsys.eid import EidPrefix
from mapsys.wire.records import RlocRecord


@dataclass(frozen=True, slots=True)
class Settings:
    """What an engine is told by its configuration; replaced as a whole on reload.

    sites: those to begin with; ``Engine.change_site`` changes single ones. local: the
    addresses it is reached at. authority: where it may deny that an EID exists; empty
    for everywhere. map_servers: whom the Map-Resolver asks where there is no ALT.
    path_mtu: octets of a whole IP packet; None for the RFC's safe sizes. petr: locators
    named in place of natively-forward answers. rtrs, and answer_unsigned_info: see
    InfoServer. wall_offset: seconds since 1970 minus the core's clock. lisp_sec: off
    unless told otherwise. pubsub: None takes no subscriptions. known_xtrs: whom the
    Map-Resolver vouches for when they subscribe. history: how much of what happens
    to EID-Prefixes is remembered, and how long; None for nothing. trusted_requesters:
    IP prefixes that may be answered with more than three times what comes in from
    there, also where no Map-Register does. more_specifics: limits beside those of
    each site's EID-Prefixes.
    """

    sites: tuple[LispSite, ...]
    local: tuple[Endpoint, ...]
    map_server: bool = True
    map_resolver: bool = True
    authority: tuple[EidPrefix, ...] = ()
    map_servers: tuple[Endpoint, ...] = ()
    limits: Limits = field(default_factory=Limits)
    path_mtu: int | None = None
    lifetime_seconds: int = REGISTRATION_LIFETIME_SECONDS
    petr: tuple[RlocRecord, ...] = ()
    rtrs: tuple[Rtr, ...] = ()
    answer_unsigned_info: bool = False
    wall_offset: float = 0.0
    history: HistoryLimits | None = field(default_factory=HistoryLimits)
    lisp_sec: LispSecSettings = field(default_factory=LispSecSettings)
    pubsub: PubSubSettings | None = None
    known_xtrs: tuple[KnownXtr, ...] = ()
    trusted_requesters: tuple[EidPrefix, ...] = ()
    more_specifics: Ceilings = field(default_factory=Ceilings)
