"""Map-Replies put together from stored records, within the path's size (RFC 9301, 5.4 and 5.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from mapsys.core.holes import free_part
from mapsys.core.publish import read_record
from mapsys.core.resolution import Resolution
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Store
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_reply import MapReply
from mapsys.wire.records import Action, EidRecord, RlocRecord

_HEAD: Final = struct.Struct("!IQ")
_SECURITY: Final = 0x02000000
"""The S bit (RFC 9301, 5.4)."""
MAX_RECORDS: Final = 255

DEFAULT_PACKET_OCTETS: Final = {4: 576, 6: 1280}
"""Whole IP packets that pass where the path is not known (RFC 9301, 5)."""

IP_UDP_OCTETS: Final = {4: 28, 6: 48}


def room_for_records(path_mtu: int | None, version: int) -> int:
    """Octets of records that fit one Map-Reply over IPv4 or IPv6."""
    return (path_mtu or DEFAULT_PACKET_OCTETS[version]) - IP_UDP_OCTETS[version] - _HEAD.size


def assemble(nonce: int, records: Sequence[bytes], security: bytes = b"") -> bytes:
    """A Map-Reply around records that are octets already, and authentication data if any."""
    word = MapReply.TYPE << 28 | bool(security) * _SECURITY | len(records)
    return _HEAD.pack(word, nonce) + b"".join(records) + security


def negative_record(answer: Resolution, petr: tuple[RlocRecord, ...] = ()) -> bytes:
    """The record of a negative answer: without locators, or leading to a PETR.

    petr: locators given where the answer would be to forward natively, so that
    even what is no LISP site is reached through the PETR (RFC 6832, 6).
    """
    if answer.negative is None:
        raise ValueError(f"the answer to {answer.eid} is not negative")
    eid, mask_len = from_eid_prefix(answer.negative)
    if petr and answer.action is Action.NATIVELY_FORWARD:
        return EidRecord(answer.ttl_minutes, eid, mask_len, petr).octets()
    return EidRecord(answer.ttl_minutes, eid, mask_len, action=answer.action).octets()


def positive_records(
    eid: EidPrefix,
    mapping: Mapping,
    store: Store,
    room: int,
    published: Callable[[Mapping], bytes],
) -> list[bytes]:
    """The best match and all registered more-specifics of it, under one TTL.

    Where they do not fit, the mapping is answered for the largest part around the
    EID that holds no other registration, so that nothing is hidden by a cut-off
    list. A single record is given whole, whatever its size.

    room: octets that the records may take. published: how a mapping is told; the best
    match already is as it says.
    """
    records = [mapping.published]
    if mapping.eid.is_host:
        return records
    size = len(mapping.published)
    for inside in store.covered(mapping.eid, limit=MAX_RECORDS + 1):
        if inside.eid == mapping.eid:
            continue
        records.append(published(inside))
        size += len(inside.published)
        if size > room or len(records) > MAX_RECORDS:
            return _punched(eid, mapping, store, room, published)
    return with_one_ttl(records)


def _punched(
    eid: EidPrefix,
    mapping: Mapping,
    store: Store,
    room: int,
    published: Callable[[Mapping], bytes],
) -> list[bytes]:
    """The mapping's record for the largest part around the EID that it has for itself.

    A question for a prefix that holds registrations is answered for its first EID.
    """

    def is_occupied(prefix: EidPrefix) -> bool:
        return any(inside.eid != mapping.eid for inside in store.covered(prefix, limit=2))

    part = free_part(eid, mapping.eid.length, is_occupied)
    if part is None:
        first = EidPrefix(eid.instance_id, eid.family, eid.network, eid.width)
        best = store.longest_match(first) or mapping
        told = best._replace(published=published(best))
        return positive_records(first, told, store, room, published)
    address, mask_len = from_eid_prefix(part)
    return [replace(read_record(published(mapping)), eid=address, mask_len=mask_len).octets()]


def with_one_ttl(records: Sequence[bytes]) -> list[bytes]:
    """Overlapping records with the shortest TTL among them (RFC 9301, 5.5)."""
    if len(records) == 1:
        return list(records)
    ttl = min(record[:4] for record in records)
    return [ttl + record[4:] for record in records]
