"""A Map-Server and Map-Resolver from the written rules alone: dictionaries, lists, full scans.

Nothing of the project is imported here. Sources: RFC 9301, 5.4 to 5.7 and 8.2 to 8.4, RFC 8378,
5.1, RFC 9302, 5, and docs/ for what the RFCs leave to the implementation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.simulation.reference_wire import (
    OCTETS,
    Locator,
    Malformed,
    Prefix,
    Record,
    Signed,
    covers,
    is_signed_with,
    overlap,
    read_signed,
)

LIFETIME, FORMER_LIFETIME, REMEMBERED = 180, 90, 360
RESTART_GRACE = 3600
PROXY, SECURITY, XTR_ID, TTL, MERGE, WANT = 4, 5, 6, 20, 21, 23
NATIVELY_FORWARD, SEND_MAP_REQUEST = 1, 2
ROOM = {4: 576 - 28 - 12, 6: 1280 - 48 - 12}


class Held(NamedTuple):
    """What one xTR has registered for one EID-Prefix."""

    who: bytes
    record: Record
    compared: tuple[bool, ...]
    merges: bool
    proxy: bool
    site_id: bytes
    deadline: float
    digest: bytes
    former: bool
    site: str
    key_id: int
    algorithm: int
    host: str


class Verdict(NamedTuple):
    """kind: accepted, dropped or refused. notify: what is acknowledged. told: who else hears."""

    kind: str
    reason: str = ""
    notify: tuple[Record, ...] | None = None
    told: tuple[tuple[str, Record], ...] = ()


class State(NamedTuple):
    """All that a restart has to find again."""

    held: dict[Prefix, tuple[Held, ...]]
    published: dict[Prefix, Record]
    marks: dict[tuple[str, int, bytes], int]
    superseded: dict[bytes, float]


class Reference:
    """sites: dictionaries as ``tests.simulation.sites`` writes them; authority: prefixes.

    itself: the server's addresses as a locator has them; it forwards nothing to itself.
    """

    def __init__(
        self, sites: list[dict[str, Any]], authority: list[Prefix], itself: frozenset[bytes]
    ) -> None:
        self.sites, self.authority, self.itself = sites, authority, itself
        self.listed: list[tuple[Prefix, dict[str, Any], dict[str, Any]]] = []
        self.take(sites)
        self.writable = True
        self.advanced = -math.inf
        self.state = State({}, {}, {}, {})

    # Configuration.

    def take(self, sites: list[dict[str, Any]]) -> None:
        self.sites = sites
        self.listed = [(rule["prefix"], site, rule) for site in sites for rule in site["rules"]]

    def rule_for(self, prefix: Prefix) -> tuple[dict[str, Any], dict[str, Any]] | None:
        fitting = [one for one in self.listed if covers(one[0], prefix)]
        return max(fitting, key=lambda one: len(one[0][2]))[1:] if fitting else None

    def configure(self, sites: list[dict[str, Any]]) -> None:
        """What the new configuration does not allow goes."""
        self.take(sites)
        for prefix, contributions in sorted(self.state.held.items()):
            found = self.rule_for(prefix)
            for one in contributions:
                fits = found is not None and found[0]["name"] == one.site and found[0]["enabled"]
                if found and fits and (prefix == found[1]["prefix"] or found[1]["more"]):
                    continue
                self.remove(prefix, one.who)

    # Time and restarts.

    def snapshot(self) -> State:
        held, published, marks, superseded = self.state
        return State(dict(held), dict(published), dict(marks), dict(superseded))

    def restart(self, kept: State, silent: float, wall_silent: float) -> None:
        """silent, wall_silent: seconds since the last sign of life, by the two clocks."""
        counted = wall_silent if wall_silent > RESTART_GRACE else 0.0
        shift = silent - counted
        held = {
            prefix: tuple(one._replace(deadline=one.deadline + shift) for one in contributions)
            for prefix, contributions in kept.held.items()
        }
        superseded = {digest: until + shift for digest, until in kept.superseded.items()}
        self.advanced = -math.inf
        self.state = State(held, dict(kept.published), dict(kept.marks), superseded)
        self.writable = True
        self.configure(self.sites)

    def advance(self, now: float) -> None:
        """A deadline is acted on at the next whole second."""
        if now == self.advanced:
            return
        self.advanced = now
        for prefix, contributions in sorted(self.state.held.items()):
            for one in contributions:
                if math.floor(one.deadline) + 1 <= now:
                    self.remove(prefix, one.who)
        for digest in [d for d, until in self.state.superseded.items() if until <= now]:
            del self.state.superseded[digest]

    def remove(self, prefix: Prefix, who: bytes) -> None:
        """With the last that counts, the former ones go; a former one goes without a trace."""
        before = self.state.held.get(prefix, ())
        rest = tuple(one for one in before if one.who != who)
        active = [one for one in rest if not one.former]
        if not active:
            self.state.held.pop(prefix, None)
            self.state.published.pop(prefix, None)
            return
        self.state.held[prefix] = rest
        if any(one.who == who and not one.former for one in before):
            self.state.published[prefix] = union([one.record for one in active])

    # Map-Registers.

    def register(self, data: bytes, host: str, now: float) -> Verdict:
        """RFC 9301, 8.2: who is it, may it, is it new; all records or none."""
        try:
            message = read_signed(data)
        except Malformed as error:
            return Verdict("dropped", f"malformed: {error}")
        if not message.records:
            return Verdict("dropped", "no-records")
        named = [self.rule_for(record.prefix) for record in message.records]
        found = [one[0] for one in named if one is not None]
        if not found:
            return Verdict("dropped", "no-site")
        site = found[0]
        if any(other["name"] != site["name"] for other in found):
            return Verdict("dropped", "several-sites")
        key = site["keys"].get(message.key_id)
        if key is None:
            return Verdict("dropped", "unknown-key-id")
        if not key["from"] <= now < key["until"]:
            return Verdict("dropped", "key-not-valid-now")
        if message.algorithm not in key["algorithms"]:
            return Verdict("dropped", "algorithm-not-allowed")
        if not any(is_signed_with(data, message, secret) for secret in key["secrets"]):
            return Verdict("dropped", "authentication-failed")
        if not self.writable:
            return Verdict("refused", "journal-unavailable")
        problem = self.policy(message, site, key, named)
        if problem:
            return Verdict("refused", problem)
        return self.judge(message, site, [one[1] for one in named if one], host, now)

    def policy(self, message: Signed, site: Any, key: Any, named: list[Any]) -> str:
        """Why the site may not say this, or nothing."""
        if not site["enabled"]:
            return "site-disabled"
        seen = set()
        for record, found in zip(message.records, named, strict=True):
            if found is None:
                return "not-configured"
            if record.prefix != found[1]["prefix"] and not found[1]["more"]:
                return "more-specific-not-accepted"
            if key["holder"] and record.prefix == found[1]["prefix"]:
                return "visitor-exact-prefix"
            if record.prefix in seen:
                return "duplicate-record"
            seen.add(record.prefix)
            if len(record.locators) > 32:
                return "too-many-locators"
            for locator in record.locators:
                afi, address = locator.address[1], locator.address[2:]
                if not any(address) or (address[0] >= 224 and (afi == 1 or address[0] == 255)):
                    return "rloc-not-usable"
                text = "".join(format(octet, "08b") for octet in address)
                if site["rlocs"] and not any(covers(p, (0, afi, text)) for p in site["rlocs"]):
                    return "rloc-not-allowed"
        return ""

    def judge(self, message: Signed, site: Any, rules: list[Any], host: str, now: float) -> Verdict:
        """What each record would do; nothing has changed until all are judged."""
        by_nonce = site["replay"] == "strict" or (
            site["replay"] == "auto" and message.algorithm == 3
        )
        by_octets = site["replay"] == "auto" and not by_nonce
        digest = (message.mac + message.nonce.to_bytes(8, "big"))[:16]
        who = message.xtr if message.xtr is not None else host.encode()
        first = self.state.held.get(message.records[0].prefix, ())
        if message.xtr is None and by_octets:
            who = next((h.who for h in first if not h.former and h.digest == digest), who)
        decided: list[tuple[str, Record, Record | None]] = []
        for record in message.records:
            kind, published = self.what(message, record, who, host)
            if kind == "refused":
                return Verdict("refused", str(published))
            decided.append((kind, record, published))  # type: ignore[arg-type]
        new = [d[1].prefix for d in decided if d[0] == "first"]
        for record, rule in zip(message.records, rules, strict=True):
            if record.prefix in new and record.prefix != rule["prefix"]:
                also = new[: new.index(record.prefix) + 1]
                inside = {p for p in (*self.state.held, *also) if self.counts_for(p, rule)}
                if len(inside) > rule["limit"]:
                    return Verdict("refused", "more-specifics-limit")
        mark = (site["name"], message.key_id, message.xtr or bytes(16))
        if by_nonce and message.nonce <= self.state.marks.get(mark, -1):
            return Verdict("dropped", "replayed")
        changing = any(kind != "late" for kind, _, _ in decided)
        if by_octets and changing and self.state.superseded.get(digest, -1.0) > now:
            return Verdict("dropped", "replayed")
        for record in message.records:
            shown = self.state.published.get(record.prefix)
            if shown and is_older_version(record.version, shown.version):
                return Verdict("dropped", "old-map-version")
        if by_nonce:
            self.state.marks[mark] = message.nonce
        told = [one for d in decided for one in self.to_tell(d, who)]
        for kind, record, published in decided:
            self.carry_out((kind, record, published), message, site, (who, host, digest), now)
        if by_octets and any(kind == "withdraw" for kind, _, _ in decided):
            self.state.superseded[digest] = now + REMEMBERED
        notify = tuple(
            published if kind in ("late", "join", "change", "refresh") and published else record
            for kind, record, published in decided
        )
        if not message.has(WANT):
            told += [(self.own(r.prefix, who).host, p) for k, r, p in decided if k == "late" and p]
        return Verdict("accepted", "", notify if message.has(WANT) else None, tuple(told))

    def counts_for(self, prefix: Prefix, rule: Any) -> bool:
        found = self.rule_for(prefix)
        return found is not None and found[1] is rule and prefix != rule["prefix"]

    def own(self, prefix: Prefix, who: bytes) -> Held:
        return next(h for h in self.state.held[prefix] if h.who == who)

    def what(
        self, message: Signed, record: Record, who: bytes, host: str
    ) -> tuple[str, Record | str | None]:
        """What one record amounts to, and what will be published."""
        contributions = self.state.held.get(record.prefix, ())
        own = next((h for h in contributions if h.who == who), None)
        others = [h for h in contributions if h is not own and not h.former]
        shown = self.state.published.get(record.prefix)
        if record.ttl == 0:
            if own and not own.former:
                return "withdraw", union([h.record for h in others]) if others else None
            return "nothing", shown
        if own and own.former and own.record == record != shown:
            return "late", shown
        active = own is not None and not own.former
        if own and active and own.record == record and own.compared == compared(message):
            return "refresh", shown
        if own is None and len(contributions) >= 64:
            return "refused", "too-many-registrants"
        if not others:
            return "change" if active else "first", record
        if record == shown:
            return "change" if active else "join", shown
        together = message.has(MERGE) and all(
            h.merges and message.site_id in (bytes(8), h.site_id) for h in others
        )
        if not together:
            return "move", record
        whole = union([record, *(h.record for h in others)])
        if len(whole.locators) > 32:
            return "refused", "too-many-locators"
        return "change" if active else "join", whole

    def to_tell(
        self, decided: tuple[str, Record, Record | None], who: bytes
    ) -> list[tuple[str, Record]]:
        """Other xTRs whose picture is wrong now: moved from, merged with, or carved out of."""
        kind, record, published = decided
        contributions = self.state.held.get(record.prefix, ())
        if kind == "first":
            found = self.rule_for(record.prefix)
            if found is None or record.prefix == found[1]["prefix"]:
                return []
            above = self.longest(record.prefix)
            contributions = self.state.held.get(above, ()) if above else ()
        elif kind not in ("move", "join", "change", "withdraw"):
            return []
        others = [h for h in contributions if h.who != who and not h.former]
        if kind in ("join", "change", "withdraw"):
            others = [h for h in others if h.merges]
        names = {site["name"]: site for site in self.sites}
        known = [h for h in others if h.site in names and h.key_id in names[h.site]["keys"]]
        return [(h.host, published) for h in known] if published else []

    def carry_out(
        self,
        decided: tuple[str, Record, Record | None],
        message: Signed,
        site: Any,
        sender: tuple[bytes, str, bytes],
        now: float,
    ) -> None:
        (kind, record, published), (who, host, digest) = decided, sender
        contributions = self.state.held.get(record.prefix, ())
        own = next((h for h in contributions if h.who == who), None)
        gone = [own] if own else []
        if kind == "nothing":
            return
        if kind == "move":
            gone += [h for h in contributions if h is not own and not h.former]
        for old in gone:
            auto = site["replay"] == "auto" and old.algorithm != 3
            if auto and old.digest != digest:
                self.state.superseded[old.digest] = now + REMEMBERED
        if kind == "withdraw":
            self.remove(record.prefix, who)
            return
        lifetime = LIFETIME
        if message.has(TTL) and record.ttl < 0x80000000:
            lifetime = record.ttl * 60
        fresh = Held(
            *(who, record, compared(message), message.has(MERGE), message.has(PROXY)),
            *(message.site_id, now + lifetime, digest, False, site["name"]),
            *(message.key_id, message.algorithm, host),
        )
        if kind == "late" and own:
            fresh = own._replace(deadline=now + FORMER_LIFETIME, digest=digest)
        if kind == "refresh" and own and own.digest == digest:
            fresh = own._replace(deadline=now + lifetime)
        rest = [h for h in contributions if h is not own]
        if kind == "move":
            until = now + FORMER_LIFETIME
            rest = [h if h.former else h._replace(former=True, deadline=until) for h in rest]
        self.state.held[record.prefix] = tuple(sorted([*rest, fresh]))
        if published:
            self.state.published[record.prefix] = published

    # Map-Requests.

    def longest(self, prefix: Prefix) -> Prefix | None:
        fitting = [p for p in self.state.held if covers(p, prefix)]
        return max(fitting, key=lambda p: len(p[2]), default=None)

    def answer(self, eid: Prefix, itr_version: int) -> tuple[str, Any]:
        """("reply", records), ("forward", host's octets) or ("silence", reason)."""
        found = self._answer(eid, itr_version)
        if found is None:
            host = (eid[0], eid[1], eid[2].ljust(8 * OCTETS[eid[1]], "0"))
            found = self._answer(host, itr_version)
        return found or ("silence", "not-authoritative")

    def _answer(self, eid: Prefix, itr_version: int) -> tuple[str, Any] | None:
        found = self.rule_for(eid)
        if found is None:
            bounds = [p for p in self.authority if covers(p, eid)]
            if not bounds:
                return "silence", "not-authoritative"
            known = [*self.state.held, *(prefix for prefix, _, _ in self.listed)]
            around = parts(eid, max(len(p[2]) for p in bounds))
            hole = next((p for p in around if not any(overlap(p, k) for k in known)), None)
            return hole and ("reply", (negative(hole, NATIVELY_FORWARD, 15),))
        site, rule = found
        best = self.longest(eid)
        if best is None or len(best[2]) < len(rule["prefix"][2]):
            others = [prefix for prefix, _, _ in self.listed if prefix != rule["prefix"]]
            known = [*self.state.held, *others]
            around = parts(eid, len(rule["prefix"][2]))
            hole = next((p for p in around if not any(covers(p, k) for k in known)), None)
            return hole and ("reply", (negative(hole, NATIVELY_FORWARD, 1),))
        shown = self.state.published[best]
        active = [h for h in self.state.held[best] if not h.former]
        asked = site["proxy"] == "as-requested" and any(h.proxy for h in active)
        if not shown.locators or site["proxy"] == "always" or asked:
            return "reply", self.positive(eid, best, itr_version)
        usable = [
            (locator.values[0], locator.address)
            for h in active
            for locator in h.record.locators
            if locator.reachable and locator.values[0] != 255
            if locator.address not in self.itself
        ]
        if not usable:
            return "reply", (negative(best, SEND_MAP_REQUEST, 1),)
        return "forward", min(usable, key=lambda one: one[0])[1]

    def positive(self, eid: Prefix, best: Prefix, itr_version: int) -> tuple[Record, ...]:
        """RFC 9301, 5.5: the best match and its more-specifics under one TTL, if they fit."""
        inside = [p for p in sorted(self.state.held) if p != best and covers(best, p)]
        records = [self.state.published[p] for p in (best, *inside)]
        if sum(record.octets for record in records) <= ROOM[itr_version] or not inside:
            ttl = min(record.ttl for record in records)
            return tuple(record._replace(ttl=ttl) for record in records)
        part = next(
            (p for p in parts(eid, len(best[2])) if not any(covers(p, k) for k in inside)), None
        )
        if part is None:
            host = (eid[0], eid[1], eid[2].ljust(8 * OCTETS[eid[1]], "0"))
            return self.positive(host, self.longest(host) or best, itr_version)
        return (self.state.published[best]._replace(prefix=part),)


def compared(message: Signed) -> tuple[bool, ...]:
    """The flags whose change makes a Map-Register more than a refresh."""
    return tuple(message.has(bit) for bit in (PROXY, SECURITY, XTR_ID, TTL, MERGE))


def union(records: Iterable[Record]) -> Record:
    """RFC 8378, 5.1.3: each locator once, with the values that come first; the shortest TTL."""
    first, *more = records
    if not more:
        return first
    found: dict[bytes, Locator] = {}
    for record in (first, *more):
        for locator in record.locators:
            found.setdefault(locator.address, locator)
    versions = {record.version for record in (first, *more)}
    return first._replace(
        ttl=min(record.ttl for record in (first, *more)),
        action=0 if found else first.action,
        version=first.version if len(versions) == 1 else 0,
        locators=tuple(found[address] for address in sorted(found)),
    )


def parts(eid: Prefix, shortest: int) -> Iterator[Prefix]:
    """Prefixes around the EID, the largest first."""
    return ((eid[0], eid[1], eid[2][:length]) for length in range(shortest, len(eid[2]) + 1))


def negative(prefix: Prefix, action: int, ttl: int) -> Record:
    return Record(prefix, ttl, action, 0, ())


def is_older_version(new: int, held: int) -> bool:
    """12-bit serial numbers; 0 is none (RFC 9302, 5)."""
    return new != 0 and held not in (0, new) and (new - held) % 4096 >= 2048
