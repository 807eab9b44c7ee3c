"""Reply-ready EID-Records: what is registered, made fit for a Map-Reply (RFC 9301, 5.4 to 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mapsys.core.site import LocatorOverride
from mapsys.wire.address import Address, Ipv4, Ipv6
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.lcaf import ReplicationList
from mapsys.wire.records import EidRecord, RlocRecord

MAX_LOCATORS: Final = 32
"""Locators one mapping may have; a 33rd is refused, never cut off."""


def address_octets(address: Address) -> bytes:
    """An address as it stands on the wire, AFI included."""
    writer = Writer()
    address.write(writer)
    return writer.octets()


def _sort_key(rloc: RlocRecord) -> bytes:
    """Ascending, IPv4 before IPv6 before LCAF (RFC 9301, 5.5; RFC 8060, 3)."""
    octets = address_octets(rloc.rloc)
    lcaf_type = octets[4:5] if octets[:2] == b"\x40\x03" else b""
    return octets[:2] + lcaf_type + octets


def reply_ready(record: EidRecord) -> EidRecord:
    """A registered record as a Map-Server publishes it.

    A, L and p cleared (RFC 9301, 5.4), host bits cleared, locators sorted. The
    R bits, the TTL and an action of a locator-less record stay as registered.
    """
    eid, mask_len = from_eid_prefix(record.eid_prefix)
    rlocs = sorted(map(_as_told, record.rlocs), key=_sort_key)
    return EidRecord(
        record.record_ttl_minutes,
        eid,
        mask_len,
        tuple(rlocs),
        action=0 if rlocs else record.action,
        authoritative=False,
        map_version=record.map_version,
    )


def _as_told(rloc: RlocRecord) -> RlocRecord:
    """A locator without the flags that speak of its ETR alone."""
    return RlocRecord(
        rloc.rloc,
        rloc.priority,
        rloc.weight,
        rloc.m_priority,
        rloc.m_weight,
        local=False,
        probed=False,
        reachable=rloc.reachable,
    )


def read_record(octets: bytes) -> EidRecord:
    """The EID-Record in stored octets."""
    return EidRecord.read(Reader(octets))


def overridden(octets: bytes, overrides: Sequence[LocatorOverride]) -> bytes:
    """Reply-ready octets with other priorities and weights for some of their locators.

    A locator that is not in the record stays out of it.
    """
    by_rloc = {one.rloc: one for one in overrides}
    record = read_record(octets)
    rlocs = [
        rloc
        if (one := by_rloc.get(rloc.rloc)) is None  # type: ignore[call-overload]
        else replace(rloc, priority=one.priority, weight=one.weight)
        for rloc in record.rlocs
    ]
    return replace(record, rlocs=tuple(rlocs)).octets()


def merged(records: Sequence[EidRecord]) -> EidRecord:
    """The union of what several xTRs registered for one EID-Prefix, all reply-ready.

    A locator appears once, with the first record's values; entries of replication
    lists are collected in one list (RFC 8378, 5.1.3). The shortest TTL counts. A
    Map-Version that differs is no longer one: 0.
    """
    if len(records) == 1:
        return records[0]
    by_address: dict[bytes, RlocRecord] = {}
    lists: list[RlocRecord] = []
    for record in records:
        for rloc in record.rlocs:
            if isinstance(rloc.rloc, ReplicationList):
                lists.append(rloc)
            else:
                by_address.setdefault(address_octets(rloc.rloc), rloc)
    rlocs = list(by_address.values())
    if lists:
        entries = {
            address_octets(entry.address): entry
            for rloc in lists
            if isinstance(rloc.rloc, ReplicationList)
            for entry in rloc.rloc.entries
        }
        rlocs.append(replace(lists[0], rloc=ReplicationList(tuple(entries.values()))))
    versions = {record.map_version for record in records}
    return replace(
        records[0],
        record_ttl_minutes=min(record.record_ttl_minutes for record in records),
        rlocs=tuple(sorted(rlocs, key=_sort_key)),
        action=0 if rlocs else records[0].action,
        map_version=versions.pop() if len(versions) == 1 else 0,
    )


def forwarding_host(rloc: RlocRecord, families: frozenset[int]) -> str | None:
    """The host to send a Map-Request to, where the locator names one.

    families: IP versions that this server can send. A locator that is not
    reachable (R=0) or not for unicast (priority 255) is no host to send to; of an
    explicit locator path it is the last hop.
    """
    if not rloc.reachable or rloc.priority == 255:
        return None
    return _ip_host(rloc.rloc, families)


def _ip_host(address: object, families: frozenset[int]) -> str | None:
    if isinstance(address, Ipv4):
        return address.text if 4 in families else None
    if isinstance(address, Ipv6):
        return address.text if 6 in families else None
    hops = getattr(address, "hops", None)
    if hops:
        return _ip_host(hops[-1].address, families)
    for inner in getattr(address, "addresses", ()):
        host = _ip_host(inner, families)
        if host is not None:
            return host
    nested = getattr(address, "address", None)
    return None if nested is None else _ip_host(nested, families)
