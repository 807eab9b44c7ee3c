"""The sites of the database on a running node, and the orders that change them.

An order is checked as a whole, written into the audit trail, made durable, and then
put in force; it is answered after that. Orders wait for each other and for reloads.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mapsys.config.faults import ConfigError, Fault
from mapsys.config.model import Config, MapServerConfig, SiteConfig
from mapsys.core.effects import Effect
from mapsys.core.engine import Engine
from mapsys.core.site import LispSite
from mapsys.core_setup import site_of
from mapsys.net.audit import AuditTrail
from mapsys.net.journal_files import JournalError
from mapsys.net.log import Event, Logger
from mapsys.provision import document as documents
from mapsys.provision.collisions import collisions
from mapsys.provision.database import Remembered, Row, SiteDatabase
from mapsys.provision.document import Document, SiteFaults
from mapsys.provision.refused import Refused
from mapsys.provision.rotation import KeyUsesChange, rotated
from mapsys.query_requester import Requester
from mapsys.query_sites_rows import KeyOrder, SiteOrder, SiteWritten

Changed = Callable[[str, LispSite | None, list[Effect]], None]
"""Is told the name of a site, what it is now, and the effects of that."""

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Kept:
    """A site of the database, as it is in force."""

    revision: str
    document: bytes
    site: SiteConfig


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a site comes from.

    place: in a file; None for one of the database, which has a revision and a document
    without secrets, in JSON.
    """

    place: str | None
    revision: str | None = None
    document: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What an order comes to. row: None takes the site out."""

    name: str
    row: Row | None
    site: SiteConfig | None
    remember: Remembered | None = None
    secret: str | None = None
    uses: KeyUsesChange | None = None


@contextmanager
def provisioned_sites(config: Config, log: Logger) -> Iterator[ProvisionedSites]:
    """Those in the state folder of a configuration, which holds none of them, too.

    Raises JournalError, and ConfigError where it does.
    """
    database = SiteDatabase(config.state)
    provisioned = ProvisionedSites(database, AuditTrail(config.state), log)
    try:
        provisioned.refuse_collisions(config)
        provisioned.use(config)
        yield provisioned
    finally:
        provisioned.close()


class ProvisionedSites:
    """Holds them, and carries orders out. :meth:`attach` before the first order."""

    def __init__(self, database: SiteDatabase, trail: AuditTrail, log: Logger) -> None:
        """Reads the database. Raises JournalError."""
        self.turn: Final = asyncio.Lock()
        """Held while the sites change, by an order or a reload."""
        self._database = database
        self._trail = trail
        self._log = log
        self._fallback: Config | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sites")
        self._kept: dict[str, Kept] = {}
        for row in database.rows():
            try:
                site = documents.read_site(documents.parse(row.document))
            except SiteFaults as error:
                log.error(Event.STATE_DAMAGED, finding=f"site {row.name} is left out: {error}")
                continue
            self._kept[row.name] = Kept(row.revision, row.document, site)

    def attach(self, engine: Engine, changed: Changed) -> None:
        """The engine that they are in force on."""
        self._engine = engine
        self._changed = changed

    def use(self, config: Config) -> None:
        """What the files say now."""
        self._config = config

    def keep_room_for(self, config: Config | None) -> None:
        """What may come back while another configuration is on trial; None: nothing may."""
        self._fallback = config

    @property
    def sites(self) -> tuple[SiteConfig, ...]:
        """Those of the database."""
        return tuple(kept.site for kept in self._kept.values())

    def beside(self, config: Config) -> Config:
        """The configuration with those of the database among its sites."""
        return dataclasses.replace(config, sites=(*config.sites, *self.sites))

    def refuse_collisions(self, config: Config) -> None:
        """Raises ConfigError where files hold what is in the database, too."""
        if faults := self.collisions(config):
            raise ConfigError(faults)

    def collisions(self, config: Config) -> list[Fault]:
        """What files hold that is in the database, too."""
        return collisions(config, self.sites)

    def place(self, name: str) -> str | None:
        """Where a site stands in a file; None for one of the database."""
        if name in self._kept:
            return None
        place = self._config.places.get(name)
        return "" if place is None else str(place)

    def origin(self, name: str) -> Origin:
        """Where a site that there is comes from."""
        kept = self._kept.get(name)
        if kept is None:
            return Origin(self.place(name))
        shown = documents.packed(documents.shown(documents.parse(kept.document)))
        return Origin(None, kept.revision, shown)

    async def order(self, order: SiteOrder | KeyOrder) -> SiteWritten:
        """Carry an order out. Raises Refused, SiteFaults or OSError with nothing changed."""
        what = _what(order)
        async with self.turn:
            try:
                if isinstance(order, KeyOrder):
                    done = self._planned_key(order)
                else:
                    again = await self._earlier(order)
                    if again is not None:
                        return again
                    done = self._planned(order)
            except (Refused, SiteFaults) as error:
                result = f"refused: {error}"
                await self._note(what, order.by, _named(order), result, _key_facts(order))
                raise
            await self._note(what, order.by, done.name, "done", _key_facts(order))
            try:
                await self._on_thread(self._write, done)
            except JournalError as error:
                result = f"failed: {error}"
                await self._note(what, order.by, done.name, result, _key_facts(order))
                raise OSError(str(error)) from error
            self._put_in_force(done)
            self._log.info(Event.SITE_ORDER, what=what, site=done.name, by=order.by.who)
        return _written(done)

    def close(self) -> None:
        """End the thread, once it has done what it was given."""
        self._thread.shutdown()
        self._database.close()

    async def _earlier(self, order: SiteOrder) -> SiteWritten | None:
        """What was answered to the same order before."""
        if order.once is None:
            return None
        who, now = _scope(order.by), time.time()
        found = await self._on_thread(self._database.remembered, who, order.once, now)
        if found is None:
            return None
        if found.digest != _digest(order):
            raise Refused("key-reused", "the Idempotency-Key came with another site before")
        return SiteWritten(found.row.name, found.row.revision, found.row.document)

    def _planned(self, order: SiteOrder) -> _Change:
        if self._config.map_server is None:
            raise Refused("no-map-server", "this node is no Map-Server; add map-server: {}")
        if order.kind == "create":
            document = documents.parse(order.document)
            site = self._checked(None, document)
            row = Row(site.name, _fresh_revision(), documents.packed(document))
            return _Change(site.name, row, site, _remember(order, row, document))
        name, kept = self._changeable(order.name or "")
        if order.if_match is not None and not {ANY, kept.revision} & set(order.if_match):
            raise Refused(
                "stale", f"{name} was changed since; read it again (its ETag is another one now)"
            )
        if order.kind == "delete":
            return _Change(name, None, None)
        held, document = documents.parse(kept.document), documents.parse(order.document)
        if order.kind == "amend":
            document = _merged(held, document)
        document.setdefault("name", name)
        document = documents.with_kept_secrets(document, held)
        return self._replaced(name, document)

    def _planned_key(self, order: KeyOrder) -> _Change:
        name, kept = self._changeable(order.site)
        done = rotated(documents.parse(kept.document), order)
        change = self._replaced(name, done.document)
        return _Change(change.name, change.row, change.site, secret=done.generated, uses=done.uses)

    def _replaced(self, name: str, document: Document) -> _Change:
        site = self._checked(name, document)
        if site.name != name:
            raise SiteFaults([("/name", f"the site is {name!r}; a name cannot be changed")])
        return _Change(name, Row(name, _fresh_revision(), documents.packed(document)), site)

    def _changeable(self, name: str) -> tuple[str, Kept]:
        kept = self._kept.get(name)
        if kept is not None:
            return name, kept
        if self._engine.sites.named(name) is None:
            raise Refused("unknown-site", f"no site is called {name!r}")
        place = self._config.places.get(name)
        where = "a file" if place is None else str(place)
        raise Refused("of-a-file", f"{name} stands in {where}; change it there, and reload")

    def _checked(self, name: str | None, document: Document) -> SiteConfig:
        """The site in a document that can stand beside the others; name: whose place it takes."""
        site = documents.read_site(document, self._config)
        if name is None and self._engine.sites.named(site.name) is not None:
            raise Refused("site-exists", f"there is {self._whose(site.name)} already")
        for eid in site.eids:
            match = self._engine.sites.longest_match(eid.prefix)
            if match is None or match[1].prefix != eid.prefix:
                continue
            if match[0].name != name:
                raise Refused(
                    "prefix-taken", f"{eid.prefix} belongs to {self._whose(match[0].name)}"
                )
        if self._fallback is not None and (faults := collisions(self._fallback, [site])):
            raise Refused(
                "prefix-taken",
                f"{faults[0]}; that configuration comes back unless the present one is"
                " confirmed (mapsys reload confirm)",
            )
        prefixes = [eid.prefix for eid in site.eids]
        for number, prefix in enumerate(prefixes):
            if prefix in prefixes[:number]:
                raise SiteFaults([(f"/eids/{number}/prefix", f"{prefix} stands there twice")])
        try:
            self._engine.check_site(name or site.name, self._lisp_site(site))
        except ValueError as error:
            raise Refused("misplaced", str(error)) from error
        return site

    def _whose(self, name: str) -> str:
        place = self._config.places.get(name)
        return f"site {name!r} " + ("in the database" if place is None else f"at {place}")

    def _lisp_site(self, site: SiteConfig) -> LispSite:
        server = self._config.map_server or MapServerConfig()
        return site_of(site, server, self._engine.settings.wall_offset)

    def _write(self, change: _Change) -> None:
        if change.row is None:
            self._database.delete(change.name)
        else:
            self._database.put(change.row, change.remember)

    def _put_in_force(self, change: _Change) -> None:
        if change.row is None or change.site is None:
            del self._kept[change.name]
            new = None
            self._engine.key_uses.drop(change.name)
        else:
            self._kept[change.name] = Kept(change.row.revision, change.row.document, change.site)
            new = self._lisp_site(change.site)
        if change.uses is not None:
            change.uses(self._engine.key_uses)
        effects = self._engine.change_site(change.name, new, time.monotonic())
        self._changed(change.name, new, effects)

    async def _on_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *arguments)

    async def _note(
        self,
        what: str,
        by: Requester,
        site: str | None,
        result: str,
        more: Iterable[tuple[str, int]] = (),
    ) -> None:
        facts: dict[str, str | int | None] = {**by.facts(), "site": site, **dict(more)}
        append = self._trail.append
        at = round(time.time(), 3)
        await self._on_thread(lambda: append(at=at, what=what, result=result, **facts))


def _what(order: SiteOrder | KeyOrder) -> str:
    return f"{'key' if isinstance(order, KeyOrder) else 'site'}-{order.kind}"


def _named(order: SiteOrder | KeyOrder) -> str | None:
    return order.site if isinstance(order, KeyOrder) else order.name


def _key_facts(order: SiteOrder | KeyOrder) -> list[tuple[str, int]]:
    return [("key_id", order.key_id)] if isinstance(order, KeyOrder) else []


def _written(change: _Change) -> SiteWritten:
    if change.row is None:
        return SiteWritten(change.name, "", b"{}")
    shown = documents.packed(documents.shown(documents.parse(change.row.document)))
    return SiteWritten(change.name, change.row.revision, shown, change.secret)


def _fresh_revision() -> str:
    return secrets.token_hex(8)


def _scope(by: Requester) -> str:
    return f"{by.how} {by.who}"


def _digest(order: SiteOrder) -> bytes:
    return hashlib.sha256(order.document).digest()


def _remember(order: SiteOrder, row: Row, document: Document) -> Remembered | None:
    if order.once is None:
        return None
    answer = row._replace(document=documents.packed(documents.shown(document)))
    return Remembered(_scope(order.by), order.once, _digest(order), time.time(), answer)


def _merged(held: Document, patch: Document) -> Document:
    """A merge patch of the whole (RFC 7396)."""
    result = dict(held)
    for name, member in patch.items():
        if member is None:
            result.pop(name, None)
        elif isinstance(member, dict):
            inner = result.get(name)
            result[name] = _merged(inner if isinstance(inner, dict) else {}, member)
        else:
            result[name] = member
    return result
