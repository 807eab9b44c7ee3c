"""What takes place, as server-sent events, and what changed since a position."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
from aiohttp import web

from mapsys.eid import EidPrefix
from mapsys.http import parameters
from mapsys.http.api import QUERY_CLIENT, json_response
from mapsys.http.doorkeeper import IDENTITY, Identity
from mapsys.http.event_hub import EVENT_HUB, Batch, EventHub, Position
from mapsys.http.event_stream import ALIVE, DAEMON_AWAY, MEDIA, OPENING, read_event_id, reset
from mapsys.http.views import RegistrationView, registration_view
from mapsys.query_events_rows import ChangesPage, ChangesQuestion, WithdrawnRow
from mapsys.record_view import plain_text

ALIVE_SECONDS: Final = 5.0
"""Between signs of life; one of them notices that a reader is gone, and frees its place."""


class WithdrawnView(msgspec.Struct, frozen=True):
    """An EID-Prefix of which the site has no registration any more."""

    eid_prefix: str
    instance_id: int
    site: str


class ChangesView(msgspec.Struct, frozen=True):
    """``/api/v1/changes``: ask again with this session and serial.

    reset: forget what you hold, and read all registrations; then ask on from here.
    announced: replaces what you hold of each EID-Prefix and site named in it.
    more: there is more already.
    """

    session: str
    serial: int
    reset: bool
    more: bool
    announced: list[RegistrationView]
    withdrawn: list[WithdrawnView]


async def events(request: web.Request) -> web.StreamResponse:
    """Events until the reader goes; from ``Last-Event-ID`` on, or from now."""
    hub = request.app[EVENT_HUB]
    wanted = Wanted(request.query.get("site"), request[IDENTITY])
    with hub.reader():
        position = await hub.begin()
        if (told := request.headers.get("Last-Event-ID")) is not None:
            position = Position(*read_event_id(told))
        response = web.StreamResponse(headers={"Content-Type": MEDIA})
        with suppress(ConnectionResetError):  # that is how a reader goes
            await response.prepare(request)
            await response.write(OPENING)
            while not hub.is_closed:
                batch = await hub.next(position, ALIVE_SECONDS)
                position = batch.position
                await response.write(_text(batch, hub, wanted))
    return response


async def changes(request: web.Request) -> web.Response:
    """What is registered now of that which changed after a position."""
    question = ChangesQuestion(
        request.query.get("session"),
        parameters.serial(request.query),
        parameters.limit(request.query),
    )
    page = await request.app[QUERY_CLIENT].ask(question, ChangesPage)
    identity = request[IDENTITY]
    return json_response(
        ChangesView(
            session=page.session,
            serial=page.serial,
            reset=page.reset,
            more=page.more,
            announced=[registration_view(row) for row in page.rows if identity.sees(row.site)],
            withdrawn=[_withdrawn_view(row) for row in page.withdrawn if identity.sees(row.site)],
        )
    )


class Wanted(NamedTuple):
    """What a reader asks for, and may see."""

    site: str | None
    identity: Identity

    def holds(self, site: str | None) -> bool:
        """Whether an event of this site, or of the node (None), is for the reader."""
        return self.site in (None, site) and self.identity.sees(site)


def _text(batch: Batch, hub: EventHub, wanted: Wanted) -> bytes:
    if batch.reset:
        return reset(*batch.position)
    text = b"".join(one.octets for one in batch.events if wanted.holds(one.site))
    return text or (DAEMON_AWAY if hub.is_away else ALIVE)


def _withdrawn_view(row: WithdrawnRow) -> WithdrawnView:
    eid, _ = EidPrefix.unpack(row.eid)
    return WithdrawnView(plain_text(eid), eid.instance_id, row.site)
