"""The ETRs in one router: for each Map-Server the site's, and one for each visiting host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, EtrConfig, EtrEffect, Ignored
from mapsys.wire.auth import Key
from mapsys.xtr.settings import SharedKey, VisitorSettings, XtrSettings


class Registrar:
    """Registers, answers Map-Requests and takes Map-Notifies. nonces: each above all before."""

    def __init__(self, settings: XtrSettings, nonces: Callable[[], int]) -> None:
        self._settings = settings
        self._nonces = nonces
        self._hosts: dict[EidPrefix, list[Etr]] = {}
        self._site = self._site_etrs()
        self._leaving: list[Etr] = []

    def replace_settings(self, settings: XtrSettings, now: float) -> list[EtrEffect]:
        """Register anew what has changed; hosts that visit are registered anew too."""
        self._settings = settings
        self._site = self._site_etrs()
        effects = self.start(now)
        for eid in list(self._hosts):
            effects += self.take_in(eid, now)
        return effects

    def start(self, now: float) -> list[EtrEffect]:
        """Register the site's EID-Prefixes with every Map-Server."""
        return [effect for etr in self._site for effect in etr.start(now)]

    @property
    def is_settled(self) -> bool:
        """Whether every Map-Server has acknowledged."""
        return all(etr.is_settled for etr in self._all())

    def visitors(self) -> list[EidPrefix]:
        """Hosts that are registered one by one."""
        return list(self._hosts)

    def may_visit(self, eid: EidPrefix) -> bool:
        """Whether there is a key to register a host with, that is not one of the site's."""
        return self._visitor_settings(eid) is not None

    def take_in(self, eid: EidPrefix, now: float) -> list[EtrEffect]:
        """Register one host: a visitor by its own key, one of the site's by the site's."""
        visitor = self._visitor_settings(eid)
        if visitor is not None:
            etrs = [self._etr(visitor.map_server, visitor.key, (eid,), merge=False)]
        else:
            etrs = [
                self._etr(server.address, server.key, (eid,), merge=False)
                for server in self._settings.map_servers
            ]
        self._hosts[eid] = etrs
        return [effect for etr in etrs for effect in etr.start(now)]

    def let_go(self, eid: EidPrefix, now: float) -> list[EtrEffect]:
        """Withdraw one host that is registered by itself."""
        etrs = self._hosts.pop(eid, [])
        self._leaving = [etr for etr in self._leaving if etr.next_deadline() is not None] + etrs
        return [effect for etr in etrs for effect in etr.withdraw(now)]

    def forget(self, eid: EidPrefix) -> None:
        """Register one host no longer, without a word: somebody else does."""
        self._hosts.pop(eid, None)

    def handle(self, data: bytes, source: Endpoint, now: float) -> list[EtrEffect]:
        """A Map-Request or Map-Notify, for the first ETR that has to do with it."""
        said: list[EtrEffect] = []
        for etr in self._all():
            said = etr.handle(data, source, now)
            if not all(isinstance(effect, Ignored) for effect in said):
                return said
        return said

    def next_deadline(self) -> float | None:
        """When to call :meth:`expire`."""
        deadlines = (etr.next_deadline() for etr in self._all())
        return min((one for one in deadlines if one is not None), default=None)

    def expire(self, now: float) -> list[EtrEffect]:
        """Send the Map-Registers whose time has come."""
        return [effect for etr in self._all() for effect in etr.expire(now)]

    def _all(self) -> Iterator[Etr]:
        """Hosts first: theirs is the longest match."""
        for etrs in self._hosts.values():
            yield from etrs
        yield from self._site
        yield from self._leaving

    def _visitor_settings(self, eid: EidPrefix) -> VisitorSettings | None:
        covering = [one for one in self._settings.visitors if one.prefix.covers(eid)]
        return max(covering, key=lambda one: one.prefix.length, default=None)

    def _site_etrs(self) -> list[Etr]:
        settings = self._settings
        if not settings.eids:
            return []
        return [
            self._etr(server.address, server.key, settings.eids, merge=settings.merge)
            for server in settings.map_servers
        ]

    def _etr(
        self, map_server: Endpoint, key: SharedKey, eids: tuple[EidPrefix, ...], *, merge: bool
    ) -> Etr:
        settings = self._settings
        config = EtrConfig(
            map_server=map_server,
            records=tuple(settings.record(eid) for eid in eids),
            key=Key(key.secret.reveal()),
            key_id=key.key_id,
            algorithm_id=key.algorithm_id,
            proxy_map_reply=settings.proxy_reply,
            merge_request=merge,
            xtr_id=settings.xtr_id,
            site_id=None if settings.xtr_id is None else settings.site_id,
            local_hosts=frozenset(settings.local_hosts),
        )
        return Etr(config, self._nonces)
