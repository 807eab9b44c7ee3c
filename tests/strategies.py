"""Hypothesis strategies for everything that ``mapsys.wire`` reads and writes.

Values are canonical: what is drawn, written and read again is equal. A message is
drawn with a random authentication field; sign it where a MAC matters.
"""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from mapsys.eid import WIDTH_BITS, EidPrefix, Family
from mapsys.wire.address import (
    Address,
    AsNumberAddress,
    DistinguishedName,
    Ipv4,
    Ipv6,
    Mac,
    NoAddress,
)
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.info import InfoReply, InfoRequest
from mapsys.wire.ip import DATA_PORT, build_ip_udp
from mapsys.wire.lcaf import (
    AfiList,
    ApplicationData,
    AsNumber,
    Encapsulation,
    EncapsulationFormat,
    ExplicitLocatorPath,
    GeoCoordinates,
    InstanceId,
    Json,
    KeyValue,
    MulticastInfo,
    NatTraversal,
    NonceLocator,
    NullBody,
    OpaqueKey,
    ReencapHop,
    ReplicationEntry,
    ReplicationList,
    SecurityKey,
    SourceDestKey,
    UnknownLcaf,
)
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_referral import MapReferral
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import Message
from mapsys.wire.plain_message import PlainMessage
from mapsys.wire.records import EidRecord, ReferralRecord, RlocRecord, Signature
from mapsys.wire.shared_extension import SharedExtension

Drawn = TypeVar("Drawn")

FIRST_UNKNOWN_LCAF = 17
LAST_UNKNOWN_LCAF = 254


def uints(bits: int) -> SearchStrategy[int]:
    """Numbers that fit so many bits."""
    return st.integers(0, (1 << bits) - 1)


def octets(count: int) -> SearchStrategy[bytes]:
    """Exactly so many octets."""
    return st.binary(min_size=count, max_size=count)


def tuples_of(
    elements: SearchStrategy[Drawn], least: int = 0, most: int = 3
) -> SearchStrategy[tuple[Drawn, ...]]:
    """Short tuples of what is drawn from elements."""
    return st.lists(elements, min_size=least, max_size=most).map(tuple)


# Addresses

ipv4_addresses = st.builds(Ipv4, octets(4))
ipv6_addresses = st.builds(Ipv6, octets(16))
ip_addresses = ipv4_addresses | ipv6_addresses
macs = st.builds(Mac, octets(6), st.sampled_from([6, 16389]))
names = st.binary(max_size=12).map(lambda name: DistinguishedName(name.replace(b"\0", b"x")))

plain_addresses: SearchStrategy[Address] = st.one_of(
    ip_addresses,
    st.just(NoAddress()),
    macs,
    names,
    st.builds(AsNumberAddress, uints(32)),
)


def _lcafs_without_address() -> SearchStrategy[Address]:
    return st.one_of(
        st.just(NullBody()),
        st.builds(OpaqueKey, uints(8), uints(16), st.binary(max_size=16)),
        st.builds(
            UnknownLcaf,
            st.integers(FIRST_UNKNOWN_LCAF, LAST_UNKNOWN_LCAF),
            st.binary(max_size=16),
            uints(8),
            uints(8),
            uints(8),
        ),
    )


def _lcafs_around(inner: SearchStrategy[Address]) -> SearchStrategy[Address]:
    ports = st.tuples(uints(16), uints(16))
    return st.one_of(
        st.builds(AfiList, tuples_of(inner)),
        st.builds(InstanceId, uints(32), inner, uints(8)),
        st.builds(AsNumber, uints(32), inner),
        st.builds(ApplicationData, uints(24), uints(8), ports, ports, inner),
        st.builds(
            GeoCoordinates,
            st.booleans(),
            uints(15),
            uints(8),
            uints(8),
            st.booleans(),
            uints(15),
            uints(8),
            uints(8),
            st.integers(-(2**31), 2**31 - 1),
            inner,
        ),
        st.builds(NatTraversal, uints(16), uints(16), inner, inner, inner, tuples_of(inner)),
        st.builds(NonceLocator, uints(24), inner),
        st.builds(MulticastInfo, uints(32), inner, uints(8), inner, uints(8)),
        st.builds(
            ExplicitLocatorPath,
            tuples_of(st.builds(ReencapHop, inner, st.booleans(), st.booleans(), st.booleans())),
        ),
        st.builds(SecurityKey, uints(8), tuples_of(st.binary(max_size=8)), inner, st.booleans()),
        st.builds(SourceDestKey, inner, uints(8), inner, uints(8)),
        st.builds(ReplicationList, tuples_of(st.builds(ReplicationEntry, inner, uints(8)))),
        st.builds(Json, st.binary(max_size=16), inner, st.booleans()),
        st.builds(KeyValue, inner, inner),
        st.builds(EncapsulationFormat, uints(7).map(Encapsulation), inner),
    )


flat_lcafs = st.one_of(_lcafs_without_address(), _lcafs_around(plain_addresses))
nested_lcafs = _lcafs_around(st.deferred(lambda: plain_addresses | flat_lcafs))
addresses: SearchStrategy[Address] = st.deferred(
    lambda: st.one_of(plain_addresses, flat_lcafs, nested_lcafs)
)
"""Any address there is, with LCAFs inside one another up to a depth of two."""


# EIDs


@st.composite
def _multicast_prefixes(draw: DrawFn, family: Family) -> EidPrefix:
    half = WIDTH_BITS[family] // 2
    group_bits = draw(st.integers(0, half))
    source_bits = draw(st.integers(0, half)) if group_bits == half else 0
    size = half // 8
    group, source = draw(uints(half)), draw(uints(half))
    return EidPrefix.of_multicast(
        draw(uints(32)),
        group.to_bytes(size, "big"),
        group_bits,
        source.to_bytes(size, "big"),
        source_bits,
    )


@st.composite
def _masked_prefixes(draw: DrawFn, family: Family) -> EidPrefix:
    width = WIDTH_BITS[family]
    instance_id = draw(st.sampled_from([0, 1, 1000]) | uints(32))
    return EidPrefix.masked(instance_id, family, draw(uints(width)), draw(st.integers(0, width)))


ip_prefixes = _masked_prefixes(Family.IPV4) | _masked_prefixes(Family.IPV6)
name_prefixes = st.builds(
    EidPrefix.of_name,
    st.binary(max_size=30).map(lambda name: name.replace(b"\0", b"x")),
    uints(32),
)
multicast_prefixes = _multicast_prefixes(Family.MULTICAST_IPV4) | _multicast_prefixes(
    Family.MULTICAST_IPV6
)
eid_prefixes: SearchStrategy[EidPrefix] = st.one_of(
    ip_prefixes, _masked_prefixes(Family.MAC), name_prefixes, multicast_prefixes
)

eids: SearchStrategy[tuple[Address, int]] = eid_prefixes.map(from_eid_prefix)
"""Addresses with the mask-len that makes them an EID-Prefix."""

eid_fields: SearchStrategy[tuple[Address, int]] = eids | st.tuples(addresses, uints(8))
"""What an EID field may hold, EID-Prefix or not."""


# Records


def rloc_records(rlocs: SearchStrategy[Address] = addresses) -> SearchStrategy[RlocRecord]:
    """Locators with every field at random."""
    octet, flag = uints(8), st.booleans()
    return st.builds(RlocRecord, rlocs, octet, octet, octet, octet, flag, flag, flag)


@st.composite
def eid_records(
    draw: DrawFn,
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
) -> EidRecord:
    """Mappings with every field at random and up to three locators."""
    address, mask_len = draw(eid)
    return EidRecord(
        draw(uints(32)),
        address,
        mask_len,
        draw(tuples_of(rloc_records(rlocs))),
        action=draw(uints(3)),
        authoritative=draw(st.booleans()),
        map_version=draw(uints(12)),
    )


any_signatures = tuples_of(
    st.builds(
        Signature, uints(32), uints(32), uints(32), uints(16), uints(8), st.binary(max_size=16)
    )
)


@st.composite
def referral_records(
    draw: DrawFn,
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
    signatures: SearchStrategy[tuple[Signature, ...]] = any_signatures,
) -> ReferralRecord:
    """Referrals with every field at random and up to three of each list."""
    address, mask_len = draw(eid)
    return ReferralRecord(
        draw(uints(32)),
        address,
        mask_len,
        draw(tuples_of(rloc_records(rlocs))),
        action=draw(uints(3)),
        authoritative=draw(st.booleans()),
        incomplete=draw(st.booleans()),
        map_version=draw(uints(12)),
        signatures=draw(signatures),
    )


# Messages

nonces = uints(64)
identities = st.just((None, None)) | st.tuples(octets(16), octets(8))
"""xTR-ID and Site-ID."""
authentication_data = st.sampled_from([0, 12, 16, 20, 32]).flatmap(octets)


@st.composite
def map_requests(
    draw: DrawFn,
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
) -> MapRequest:
    """Map-Requests with every bit at random."""
    records = st.builds(
        lambda eid, notify: MapRequestRecord(eid[0], eid[1], notify), eid, st.booleans()
    )
    xtr_id, site_id = draw(identities)
    return MapRequest(
        draw(nonces),
        draw(rlocs),
        draw(tuples_of(rlocs, least=1, most=4)),
        draw(tuples_of(records)),
        authoritative=draw(st.booleans()),
        probe=draw(st.booleans()),
        smr=draw(st.booleans()),
        pitr=draw(st.booleans()),
        smr_invoked=draw(st.booleans()),
        mobile_node=draw(st.booleans()),
        local_xtr=draw(st.booleans()),
        dont_map_reply=draw(st.booleans()),
        map_data=draw(st.none() | eid_records(eid, rlocs)),
        xtr_id=xtr_id,
        site_id=site_id,
    )


reply_security: SearchStrategy[bytes | None] = st.none() | st.binary(min_size=1, max_size=32)


def map_replies(
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
    security: SearchStrategy[bytes | None] = reply_security,
) -> SearchStrategy[MapReply]:
    """Map-Replies, some with authentication data."""
    records = tuples_of(eid_records(eid, rlocs))
    return st.builds(MapReply, nonces, records, st.booleans(), st.booleans(), security)


@st.composite
def map_registers(
    draw: DrawFn,
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
) -> MapRegister:
    """Map-Registers with every bit at random, not signed."""
    xtr_id, site_id = draw(identities)
    return MapRegister(
        draw(nonces),
        draw(uints(8)),
        draw(uints(8)),
        draw(authentication_data),
        draw(tuples_of(eid_records(eid, rlocs))),
        proxy_map_reply=draw(st.booleans()),
        security_capable=draw(st.booleans()),
        eid_notify=draw(st.booleans()),
        use_ttl_for_timeout=draw(st.booleans()),
        merge_request=draw(st.booleans()),
        mobile_node=draw(st.booleans()),
        want_map_notify=draw(st.booleans()),
        xtr_id=xtr_id,
        site_id=site_id,
    )


Notification = TypeVar("Notification", MapNotify, MapNotifyAck)


@st.composite
def _notifications(
    draw: DrawFn,
    kind: type[Notification],
    eid: SearchStrategy[tuple[Address, int]],
    rlocs: SearchStrategy[Address],
) -> Notification:
    xtr_id, site_id = draw(identities)
    return kind(
        draw(nonces),
        draw(uints(8)),
        draw(uints(8)),
        draw(authentication_data),
        draw(tuples_of(eid_records(eid, rlocs))),
        xtr_id=xtr_id,
        site_id=site_id,
        merge_request=draw(st.booleans()),
    )


def map_notifies(
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
) -> SearchStrategy[MapNotify]:
    """Map-Notifies, not signed."""
    return _notifications(MapNotify, eid, rlocs)


def map_notify_acks(
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
) -> SearchStrategy[MapNotifyAck]:
    """Map-Notify-Acks, not signed."""
    return _notifications(MapNotifyAck, eid, rlocs)


def map_referrals(
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
    signatures: SearchStrategy[tuple[Signature, ...]] = any_signatures,
) -> SearchStrategy[MapReferral]:
    """Map-Referrals, some of their records signed with random octets."""
    return st.builds(MapReferral, nonces, tuples_of(referral_records(eid, rlocs, signatures)))


@st.composite
def info_requests(
    draw: DrawFn, eid: SearchStrategy[tuple[Address, int]] = eid_fields
) -> InfoRequest:
    """Info-Requests of both forms."""
    address, mask_len = draw(eid)
    return InfoRequest(
        draw(nonces),
        draw(uints(8)),
        draw(authentication_data),
        draw(uints(32)),
        address,
        mask_len,
        host_name=draw(st.none() | names.map(lambda name: name.name)),
        algorithm_id=draw(uints(8)),
    )


@st.composite
def info_replies(
    draw: DrawFn,
    eid: SearchStrategy[tuple[Address, int]] = eid_fields,
    rlocs: SearchStrategy[Address] = addresses,
) -> InfoReply:
    """Info-Replies with up to three RTRs."""
    address, mask_len = draw(eid)
    return InfoReply(
        draw(nonces),
        draw(uints(8)),
        draw(authentication_data),
        draw(uints(32)),
        address,
        mask_len,
        nat=NatTraversal(
            draw(uints(16)),
            draw(uints(16)),
            global_etr=draw(rlocs),
            map_server=draw(rlocs),
            private_etr=draw(rlocs),
            rtrs=draw(tuples_of(rlocs)),
        ),
        algorithm_id=draw(uints(8)),
    )


shared_extensions = st.builds(SharedExtension, uints(12), st.binary(max_size=32))

control_ports = uints(16).filter(lambda port: port != DATA_PORT)

lisp_sec_data = st.builds(
    lambda head, otk_octets, key, eid_ad: (
        b"\x01"
        + head
        + otk_octets.to_bytes(2, "big")
        + key
        + (len(eid_ad) + 2).to_bytes(2, "big")
        + eid_ad
    ),
    octets(3),
    st.sampled_from([24, 28]),
    octets(26),
    st.binary(min_size=2, max_size=40),
)
"""Authentication data of an ECM as RFC 9303, 6.1 lays it out, its values at random."""

ms_rtr_data = st.builds(
    lambda head, mac: b"\x02" + head + len(mac).to_bytes(2, "big") + mac,
    octets(5),
    st.binary(max_size=32),
)

ip_pairs: SearchStrategy[tuple[str, str]] = st.one_of(
    st.tuples(ipv4_addresses, ipv4_addresses), st.tuples(ipv6_addresses, ipv6_addresses)
).map(lambda pair: (pair[0].text, pair[1].text))


ecm_security: SearchStrategy[bytes | None] = st.none() | lisp_sec_data | ms_rtr_data


inner_ports = st.tuples(control_ports, control_ports)
any_map_request: SearchStrategy[PlainMessage] = map_requests()


@st.composite
def ecms(
    draw: DrawFn,
    inner: SearchStrategy[PlainMessage] = any_map_request,
    security: SearchStrategy[bytes | None] = ecm_security,
    ports: SearchStrategy[tuple[int, int]] = inner_ports,
) -> Ecm:
    """ECMs over IPv4 and IPv6; around a Map-Request unless told otherwise."""
    source, destination = draw(ip_pairs)
    packet = build_ip_udp(
        source,
        destination,
        *draw(ports),
        draw(inner).octets(),
        hop_limit=draw(uints(8)),
    )
    return Ecm(
        packet,
        ddt_originated=draw(st.booleans()),
        to_etr=draw(st.booleans()),
        to_map_server=draw(st.booleans()),
        rtr_process=draw(st.booleans()),
        rtr_relayed=draw(st.booleans()),
        security=draw(security),
    )


plain_messages: SearchStrategy[PlainMessage] = st.one_of(
    map_requests(),
    map_replies(),
    map_registers(),
    map_notifies(),
    map_notify_acks(),
    map_referrals(),
    info_requests(),
    info_replies(),
    shared_extensions,
)

messages: SearchStrategy[Message] = plain_messages | ecms(plain_messages)
"""Any message there is."""
