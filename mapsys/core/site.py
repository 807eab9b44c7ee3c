"""LISP sites: the keys they sign with and the EID-Prefixes they may register (RFC 9301, 8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mapsys.core.holes import free_part
from mapsys.core.limiter import Rate
from mapsys.core.lisp_sec_settings import Wrapping
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable
from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.auth import Key
from mapsys.wire.records import EidRecord

MORE_SPECIFICS_LIMIT: Final = 10_000
"""More-specific EID-Prefixes a site may hold inside one of its own, unless configured."""


class Replay(StrEnum):
    """How a repeated Map-Register is told from a new one; docs/decisions tells why."""

    AUTO = "auto"
    STRICT = "strict"
    OFF = "off"


class ProxyReply(StrEnum):
    """Who answers a Map-Request for a registered EID-Prefix."""

    AS_REQUESTED = "as-requested"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class SiteKey:
    """One key-id of a site.

    algorithm_ids: which of 1, 2, 3 it may be used with.
    current, next: the secret in use, and the one that is being rotated in.
    holder: the site that was given this key to visit with; it is then good for
    more-specific EID-Prefixes only.
    valid_from, valid_until: seconds on the core's clock; None is no bound.
    next_from, current_until: where there is a next secret, from when on it is taken,
    and until when the current one still is.
    """

    key_id: int
    algorithm_ids: frozenset[int]
    current: Key
    next: Key | None = None
    holder: str | None = None
    valid_from: float | None = None
    valid_until: float | None = None
    next_from: float | None = None
    current_until: float | None = None

    def is_valid_at(self, now: float) -> bool:
        """Whether the key may be used at this time."""
        return (self.valid_from is None or now >= self.valid_from) and (
            self.valid_until is None or now < self.valid_until
        )

    def secrets(self) -> Iterator[Key]:
        """The secrets to try, at most two."""
        yield self.current
        if self.next is not None:
            yield self.next

    def secrets_at(self, now: float) -> Iterator[Key]:
        """The secrets that may be used at this time, where the key may."""
        return (secret for secret in self.secrets() if self.takes(secret, now))

    def bounds_of(self, secret: Key) -> tuple[float | None, float | None]:
        """From when until when one of the key's secrets may be used; None: without bound."""
        starts, ends = [self.valid_from], [self.valid_until]
        if self.next is not None:
            starts.append(self.next_from if secret is self.next else None)
            ends.append(None if secret is self.next else self.current_until)
        return (
            max((start for start in starts if start is not None), default=None),
            min((end for end in ends if end is not None), default=None),
        )

    def takes(self, secret: Key, now: float) -> bool:
        """Whether one of the key's secrets may be used at this time, where the key may."""
        if self.next is None:
            return True
        if secret is self.next:
            return self.next_from is None or now >= self.next_from
        return self.current_until is None or now < self.current_until


@dataclass(frozen=True, slots=True)
class EidRule:
    """An EID-Prefix that a site may register, and what may be registered inside it."""

    prefix: EidPrefix
    accept_more_specifics: bool = False
    more_specifics_limit: int = MORE_SPECIFICS_LIMIT
    more_specifics_warning: int | None = None


@dataclass(frozen=True, slots=True)
class LocatorOverride:
    """What the Map-Server says of one locator instead of what its ETRs register.

    priority, weight: 0..255, for unicast.
    """

    rloc: Ipv4 | Ipv6
    priority: int
    weight: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place on Earth: decimal degrees in WGS 84, north and east positive.

    latitude: -90 to 90. longitude: -180 to 180. name: what people call it.
    """

    name: str | None
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class LispSite:
    """Everything the Map-Server knows of a site before it registers.

    rlocs: the prefixes its locators must lie in (instance-ID 0); None allows any.
    notify_to_source: answer to the Map-Register's source port instead of 4342.
    records_only_mac: also accept a MAC over the records without the trailer, the
    narrow reading of RFC 9301, 5.6.
    honour_authoritative: where a Map-Request wants the site's own answer (A bit),
    pass it on even though proxy replies were asked for.
    deny_action: the action code for everyone who asks for this site; None answers.
    pitr_action: the action code for PITRs alone (p bit); None treats them alike.
    static: mappings that the operator has registered, reply-ready.
    register_rate: its own budget of Map-Registers; None is as for every site.
    lisp_sec: how One-Time Keys go to its ETRs; None where they cannot.
    override: for answers in the name of its ETRs; each locator at most once.
    place: where it is; nothing is decided by it.
    """

    name: str
    keys: tuple[SiteKey, ...]
    rules: tuple[EidRule, ...]
    rlocs: tuple[EidPrefix, ...] | None = None
    notify_to_source: bool = False
    replay: Replay = Replay.AUTO
    proxy_reply: ProxyReply = ProxyReply.AS_REQUESTED
    enabled: bool = True
    records_only_mac: bool = False
    honour_authoritative: bool = False
    deny_action: int | None = None
    pitr_action: int | None = None
    static: tuple[EidRecord, ...] = ()
    register_rate: Rate | None = None
    lisp_sec: Wrapping | None = None
    override: tuple[LocatorOverride, ...] = ()
    place: Place | None = None
    _by_key_id: dict[int, SiteKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_key_id", {key.key_id: key for key in self.keys})

    def key(self, key_id: int) -> SiteKey | None:
        """The key with this id, if the site has it."""
        return self._by_key_id.get(key_id)


class SiteTable:
    """The configured EID-Prefixes of all sites; replaced as a whole on reload."""

    def __init__(self, sites: Iterable[LispSite]) -> None:
        """Raises ValueError where two sites share a name or a prefix."""
        self._sites: dict[str, LispSite] = {}
        self._rules: PrefixTable[tuple[LispSite, EidRule]] = PrefixTable()
        for site in sites:
            self.add(site)

    def add(self, site: LispSite) -> None:
        """Add a site. Raises ValueError, with nothing added, where name or prefix is taken."""
        if site.name in self._sites:
            raise ValueError(f"two sites are named {site.name!r}")
        for number, rule in enumerate(site.rules):
            if self._rules.get(rule.prefix) is not None:
                for added in site.rules[:number]:
                    self._rules.remove(added.prefix)
                raise ValueError(f"two sites hold {rule.prefix}")
            self._rules.put(rule.prefix, (site, rule))
        self._sites[site.name] = site

    def remove(self, name: str) -> LispSite:
        """Take a site out. Raises KeyError where there is none of this name."""
        site = self._sites.pop(name)
        for rule in site.rules:
            self._rules.remove(rule.prefix)
        return site

    def __iter__(self) -> Iterator[LispSite]:
        return iter(self._sites.values())

    def __len__(self) -> int:
        return len(self._sites)

    def named(self, name: str) -> LispSite | None:
        """The site of this name."""
        return self._sites.get(name)

    def longest_match(self, eid: EidPrefix) -> tuple[LispSite, EidRule] | None:
        """The site and rule of the longest configured prefix that covers the EID."""
        found = self._rules.longest_match(eid)
        return None if found is None else found[1]

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """The least-specific prefix around the EID that no site holds a part of.

        What covers the EID does not count, only what lies beside it: inside a
        site's prefix, the hole is what its more-specific neighbours leave free.
        shortest: the length it may not be shorter than. None where a site holds
        the EID itself or a part of it.
        """
        above = self._rules.longest_match(eid)
        if above is None:
            return self._rules.hole(eid, shortest)

        def is_occupied(prefix: EidPrefix) -> bool:
            return any(held != above[0] for held, _ in self._rules.covered(prefix, limit=2))

        return free_part(eid, max(shortest, above[0].length), is_occupied)

    def rules(self) -> Iterator[tuple[LispSite, EidRule]]:
        """All of them, in the order of their prefixes: what covers others comes before them."""
        return (value for _, value in self._rules.items())

    def has_nested(self, rule: EidRule) -> bool:
        """Whether another configured prefix lies inside the rule's."""
        inside = self._rules.covered(rule.prefix, limit=2)
        return any(prefix != rule.prefix for prefix, _ in inside)

    def has_inside(self, prefix: EidPrefix) -> bool:
        """Whether a configured prefix lies inside this one (itself counts)."""
        return next(iter(self._rules.covered(prefix, limit=1)), None) is not None
