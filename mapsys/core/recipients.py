"""Whom a Map-Notify about a registration goes to, and under which key."""

from __future__ import annotations

from mapsys.core.details import HAS_XTR_ID, NEXT_SECRET, Details
from mapsys.core.effects import Endpoint
from mapsys.core.notify import CONTROL_PORT, Recipient
from mapsys.core.relay_path import Rtrs
from mapsys.core.site import SiteTable
from mapsys.store import Registration


def recipient_of(registration: Registration, sites: SiteTable, rtrs: Rtrs) -> Recipient | None:
    """The xTR behind a registration; None where its key or RTR is no longer configured."""
    details = Details.unpack(registration.details)
    site = sites.named(details.site)
    key = None if site is None else site.key(details.key_id)
    if site is None or key is None or details.is_static:
        return None
    secret = key.next if details.flags & NEXT_SECRET and key.next is not None else key.current
    has_xtr_id = bool(details.flags & HAS_XTR_ID)
    port = details.source.port if site.notify_to_source else CONTROL_PORT
    destination = Endpoint(details.source.host, port)
    wrap = None
    if details.relayed is not None:
        path = rtrs.path(details.source.host, details.relayed)
        if path is None:
            return None
        destination, wrap = path.destination, path.wrap
    return Recipient(
        destination,
        details.local,
        secret,
        details.key_id,
        details.algorithm_id,
        details.mac_length,
        registration.registrant if has_xtr_id else None,
        details.site_id if has_xtr_id else None,
        wrap,
    )
