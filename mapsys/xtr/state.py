"""What a tunnel router knows: its site, its map-cache, who was there and who left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable
from mapsys.wire.address import Address, Ipv4, Ipv6
from mapsys.wire.records import RlocRecord
from mapsys.xtr.effects import Effect, Uncarried
from mapsys.xtr.locator_choice import unicast_hosts
from mapsys.xtr.map_cache import MapCache, MapCacheEntry
from mapsys.xtr.probing import Prober
from mapsys.xtr.requests import Asking, Requests
from mapsys.xtr.settings import XtrSettings
from mapsys.xtr.soliciting import Correspondents, Pace, Solicitor

IN_USE_SECONDS: Final = 60.0
"""Locators of entries that packets asked for so recently are probed."""


class Randomness:
    """Where numbers come from that nobody may guess.

    nonce: 64 bits. rising: 64 bits, each above all before, over restarts too.
    fraction: from 0 up to 1.
    """

    def __init__(
        self,
        nonce: Callable[[], int],
        rising: Callable[[], int],
        fraction: Callable[[], float],
    ) -> None:
        self.nonce = nonce
        self.rising = rising
        self.fraction = fraction


class XtrState:
    """The parts that the planes share. away: EID-Prefixes of the site that are elsewhere now.

    visiting: hosts of other sites that are here.
    """

    def __init__(self, settings: XtrSettings, randomness: Randomness) -> None:
        self.settings = settings
        self.randomness = randomness
        self.cache = MapCache()
        self.correspondents = Correspondents()
        self.solicitor = Solicitor(randomness.nonce)
        self.again = Pace()
        self.prober = Prober(settings.probe_interval_seconds, randomness.nonce, randomness.fraction)
        asks_with = randomness.nonce if settings.subscribe is None else randomness.rising
        self.requests = Requests(_asking(settings), asks_with)
        self.away: PrefixTable[float] = PrefixTable()
        self.visiting: set[EidPrefix] = set()
        self.echoes: dict[str, int] = {}
        self.uncarried: Counter[Uncarried] = Counter()
        self.packets: Counter[str] = Counter()
        self.packets_to: Counter[str] = Counter()
        self._own = _table(settings.eids)

    def replace_settings(self, settings: XtrSettings) -> None:
        """Go on under another configuration; what was learned stays."""
        self.settings = settings
        self.requests.asking = _asking(settings)
        self._own = _table(settings.eids)

    def drop(self, why: Uncarried) -> list[Effect]:
        """Count something that goes nowhere."""
        self.uncarried[why] += 1
        return []

    def own_prefix(self, eid: EidPrefix) -> EidPrefix | None:
        """The configured EID-Prefix of the site that an EID is in, wherever its host is."""
        found = self._own.longest_match(eid)
        return None if found is None else found[0]

    def here(self, eid: EidPrefix) -> EidPrefix | None:
        """The EID-Prefix of the site, or visiting host, behind this router that an EID is in."""
        if eid in self.visiting:
            return eid
        return None if self.away_prefix(eid) is not None else self.own_prefix(eid)

    def away_prefix(self, eid: EidPrefix) -> EidPrefix | None:
        """What left the site, where an EID is in it."""
        found = self.away.longest_match(eid)
        return None if found is None else found[0]

    def may_use(self, entry: MapCacheEntry) -> Callable[[int, str], bool]:
        """Which locators of an entry can be sent to: see ``locator_choice``."""
        settings = self.settings

        def answer(place: int, host: str) -> bool:
            return (
                settings.local_host_of(host) is not None
                and host not in settings.local_hosts
                and self.prober.is_up(host)
                and (place >= 32 or bool(entry.status_bits >> place & 1))
            )

        return answer

    def own_status_bits(self) -> int:
        """One bit for each locator of the site, in record order: set where it is up."""
        bits = 0
        for place, record in enumerate(self.settings.rloc_records[:32]):
            host = _host(record)
            bits |= (host is None or self.prober.is_up(host)) << place
        return bits

    def watch_locators(self, now: float) -> None:
        """Have the locators probed that packets go to, and the site's other ones."""
        wanted: dict[str, EidPrefix] = {}
        for entry in self.cache.entries():
            if entry.used_at >= now - IN_USE_SECONDS and entry.expires_at > now:
                for host in unicast_hosts(entry.rlocs):
                    wanted.setdefault(host, entry.prefix)
        for locator in self.settings.locators:
            if self.settings.eids:
                wanted.setdefault(locator.address, self.settings.eids[0])
        for host in self.settings.local_hosts:
            wanted.pop(host, None)
        self.prober.watch(wanted, now)

    def solicit(self, prefix: EidPrefix, now: float) -> list[str]:
        """Have everybody who sends to a prefix hear that its mapping changed; says who."""
        hosts = self.correspondents.of(prefix, now)
        for host in hosts:
            self.solicitor.solicit(host, prefix, now)
        return hosts


def address_of(eid: EidPrefix) -> Address:
    """The first address of an IP prefix, without its instance-ID."""
    octets = eid.network_octets()
    return Ipv4(octets) if len(octets) == 4 else Ipv6(octets)


def _host(record: RlocRecord) -> str | None:
    return record.rloc.text if isinstance(record.rloc, Ipv4 | Ipv6) else None


def _table(eids: tuple[EidPrefix, ...]) -> PrefixTable[bool]:
    table: PrefixTable[bool] = PrefixTable()
    for eid in eids:
        table.put(eid, True)
    return table


def _asking(settings: XtrSettings) -> Asking:
    subscribes = settings.subscribe is not None
    return Asking(
        map_resolvers=settings.map_resolvers,
        itr_rlocs=settings.local_hosts,
        pitr=settings.pitr,
        subscribe=subscribes,
        xtr_id=settings.xtr_id if subscribes else None,
        site_id=settings.site_id if subscribes else None,
    )
