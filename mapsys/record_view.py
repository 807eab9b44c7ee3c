"""EID-Records as people and scripts read them: text and plain numbers."""

from __future__ import annotations

from typing import Final

import msgspec

from mapsys.eid import EidPrefix
from mapsys.wire.address import (
    Address,
    AsNumberAddress,
    DistinguishedName,
    Ipv4,
    Ipv6,
    Mac,
    NoAddress,
)
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import WireError
from mapsys.wire.lcaf import AfiList, ExplicitLocatorPath, InstanceId
from mapsys.wire.records import Action, EidRecord, RlocRecord

TTL_UNSET: Final = 0xFFFFFFFF
"""A record TTL that leaves the decision to the receiver (RFC 9301, 5.4)."""


class LocatorView(msgspec.Struct, frozen=True):
    """One locator. priority 255 means: not for unicast. reachable is the R bit."""

    rloc: str
    priority: int
    weight: int
    m_priority: int
    m_weight: int
    local: bool
    reachable: bool


class RecordView(msgspec.Struct, frozen=True):
    """One EID-Record; record_ttl_minutes is None where the receiver decides.

    action: the name of the action code, for a negative record.
    """

    eid_prefix: str
    instance_id: int
    record_ttl_minutes: int | None
    action: str | None
    authoritative: bool
    map_version: int
    locators: list[LocatorView]


def record_view(record: EidRecord) -> RecordView:
    """A record, readable."""
    prefix = _prefix_of(record)
    ttl = record.record_ttl_minutes
    return RecordView(
        eid_prefix=address_text(record.eid) if prefix is None else plain_text(prefix),
        instance_id=0 if prefix is None else prefix.instance_id,
        record_ttl_minutes=None if ttl == TTL_UNSET else ttl,
        action=None if record.rlocs else action_name(record.action),
        authoritative=record.authoritative,
        map_version=record.map_version,
        locators=[locator_view(one) for one in record.rlocs],
    )


def read_record_view(octets: bytes) -> RecordView:
    """A record's wire octets, readable. Raises WireError."""
    return record_view(EidRecord.read(Reader(octets)))


def locator_view(rloc: RlocRecord) -> LocatorView:
    """A locator, readable."""
    return LocatorView(
        rloc=address_text(rloc.rloc),
        priority=rloc.priority,
        weight=rloc.weight,
        m_priority=rloc.m_priority,
        m_weight=rloc.m_weight,
        local=rloc.local,
        reachable=rloc.reachable,
    )


def plain_text(prefix: EidPrefix) -> str:
    """The EID-Prefix without its instance-ID, which stands in a field of its own."""
    return str(EidPrefix(0, prefix.family, prefix.network, prefix.length))


def eid_text(eid: EidPrefix) -> str:
    """One EID, without the length that all of its kind have, and without its instance-ID."""
    return plain_text(eid).removesuffix(f"/{eid.length}")


def action_name(action: int) -> str:
    """``natively-forward`` and so on; an unassigned code by its number."""
    try:
        return Action(action).name.lower().replace("_", "-")
    except ValueError:
        return f"action-{action}"


def address_text(address: Address) -> str:
    """Any address as text; one without a customary form by its wire octets."""
    match address:
        case Ipv4() | Ipv6():
            return address.text
        case NoAddress():
            return "none"
        case Mac():
            return address.packed.hex(":")
        case DistinguishedName():
            return '"' + address.name.decode("utf-8", "backslashreplace") + '"'
        case AsNumberAddress():
            return f"AS{address.asn}"
        case InstanceId():
            return f"[{address.instance_id}]{address_text(address.address)}"
        case AfiList():
            return "{" + ", ".join(address_text(one) for one in address.addresses) + "}"
        case ExplicitLocatorPath():
            return " > ".join(address_text(hop.address) for hop in address.hops)
    writer = Writer()
    address.write(writer)
    return f"{type(address).__name__}:{writer.octets().hex()}"


def _prefix_of(record: EidRecord) -> EidPrefix | None:
    try:
        return record.eid_prefix
    except WireError:
        return None
