"""From an EID as a message writes it to the EID-Prefix it names, and back."""

from __future__ import annotations

from typing import Final

from mapsys.eid import WIDTH_BITS, EidPrefix, Family
from mapsys.wire.address import read_address
from mapsys.wire.afi import Address, DistinguishedName, Ipv4, Ipv6, Mac
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import BadMaskLength, UnknownEid
from mapsys.wire.lcaf import AfiList, InstanceId, Lcaf, MulticastInfo, SourceDestKey, UnknownLcaf

_FAMILIES: Final[dict[type, Family]] = {
    Ipv4: Family.IPV4,
    Ipv6: Family.IPV6,
    Mac: Family.MAC,
}
"""Of addresses that are nothing but bits."""
_FLAT: Final = (Ipv4, Ipv6, Mac)


def to_eid_prefix(address: Address, mask_len: int) -> EidPrefix:
    """The EID-Prefix that an address and a record's EID mask-len name, host bits cleared.

    mask_len counts the bits of the address inside an Instance ID LCAF, not those
    of the instance-ID. It is ignored for (S,G), which brings its own two. An LCAF
    without a structure of prefixes is an opaque EID.

    Raises UnknownEid where the address names no EID: none at all, a range of
    instance-IDs, an unknown LCAF type (RFC 9306, 3). Raises BadMaskLength.
    """
    if type(address) is InstanceId:
        return _within_instance(address, mask_len)
    return _to_prefix(0, address, mask_len)


def _within_instance(outer: InstanceId, mask_len: int) -> EidPrefix:
    inner = outer.address
    if isinstance(inner, InstanceId):
        raise UnknownEid("an instance-ID inside an instance-ID")
    if isinstance(inner, MulticastInfo) and inner.instance_id not in (0, outer.instance_id):
        raise UnknownEid("two different instance-IDs in one EID")
    return _to_prefix(outer.instance_id, inner, mask_len)


def _to_prefix(instance_id: int, address: Address, mask_len: int) -> EidPrefix:
    if isinstance(address, _FLAT):
        family = _FAMILIES[type(address)]
        width = WIDTH_BITS[family]
        if mask_len > width:
            raise BadMaskLength(f"mask-len {mask_len} on {width} bits")
        host_bits = width - mask_len
        network = int.from_bytes(address.packed, "big") >> host_bits << host_bits
        return EidPrefix.canonical(instance_id, family, network, mask_len)
    match address:
        case DistinguishedName(name):
            return _name_prefix(instance_id, name, mask_len)
        case MulticastInfo():
            return _multicast_prefix(instance_id, address)
        case Lcaf():
            return _opaque_prefix(instance_id, address, mask_len)
        case _:
            raise UnknownEid(f"{type(address).__name__} is no EID")


def _name_prefix(instance_id: int, name: bytes, mask_len: int) -> EidPrefix:
    """mask_len counts the final NUL (RFC 9735, 3); a prefix of names does not hold it."""
    if mask_len % 8 or mask_len > 8 * (len(name) + 1):
        raise BadMaskLength(f"mask-len {mask_len} on a name of {len(name)} octets and a NUL")
    prefix = name[: mask_len // 8]
    if 8 * len(prefix) > WIDTH_BITS[Family.NAME]:
        raise BadMaskLength(f"a name of {len(prefix)} octets, whose length no mask-len can tell")
    return EidPrefix.of_name(prefix, instance_id)


def _multicast_prefix(instance_id: int, info: MulticastInfo) -> EidPrefix:
    source, group = info.source, info.group
    if not isinstance(source, Ipv4 | Ipv6) or type(source) is not type(group):
        raise UnknownEid("source and group are not two addresses of one IP version")
    width = 8 * len(source.packed)
    if max(info.source_mask_len, info.group_mask_len) > width:
        raise BadMaskLength(
            f"mask-lens {info.source_mask_len} and {info.group_mask_len} on {width} bits"
        )
    if info.group_mask_len < width and info.source_mask_len:
        raise UnknownEid("a prefix of groups with a source of its own")
    return EidPrefix.of_multicast(
        instance_id or info.instance_id,
        group.packed,
        info.group_mask_len,
        source.packed,
        info.source_mask_len,
    )


def _opaque_prefix(instance_id: int, address: Lcaf, mask_len: int) -> EidPrefix:
    """Octets: the mask-len, then the address. Where mask-lens stand inside, the outer is 0."""
    if isinstance(address, AfiList) and all(
        isinstance(element, UnknownLcaf) for element in address.addresses
    ):
        raise UnknownEid("nothing but unknown LCAF types")
    writer = Writer()
    writer.uint(0 if isinstance(address, SourceDestKey) else mask_len, 1)
    address.write(writer)
    try:
        return EidPrefix.of_opaque(writer.octets(), instance_id)
    except ValueError as error:
        raise UnknownEid(str(error)) from error


def from_eid_prefix(prefix: EidPrefix) -> tuple[Address, int]:
    """The canonical address and EID mask-len of an EID-Prefix.

    An instance-ID other than 0 is an Instance ID LCAF around the address, save
    for (S,G), whose LCAF holds it; the mask-len of (S,G) is 0. Raises ValueError
    for a prefix of names that ends inside an octet, which no record can say.
    """
    address, mask_len = _from_prefix(prefix)
    if prefix.instance_id and not isinstance(address, MulticastInfo):
        address = InstanceId(prefix.instance_id, address)
    return address, mask_len


def _from_prefix(prefix: EidPrefix) -> tuple[Address, int]:
    octets = prefix.network_octets()
    match prefix.family:
        case Family.IPV4:
            return Ipv4(octets), prefix.length
        case Family.IPV6:
            return Ipv6(octets), prefix.length
        case Family.MAC:
            return Mac(octets), prefix.length
        case Family.NAME:
            if prefix.length % 8:
                raise ValueError(f"a prefix of names of {prefix.length} bits")
            return DistinguishedName(octets[: prefix.length // 8]), prefix.length + 8
        case Family.OPAQUE:
            reader = Reader(prefix.opaque_octets())
            mask_len = reader.uint(1)
            return read_address(reader), mask_len
        case Family.MULTICAST_IPV4 | Family.MULTICAST_IPV6:
            return _from_multicast(prefix, octets), 0


def _from_multicast(prefix: EidPrefix, octets: bytes) -> MulticastInfo:
    half = len(octets) // 2
    address = Ipv4 if prefix.family is Family.MULTICAST_IPV4 else Ipv6
    return MulticastInfo(
        prefix.instance_id,
        address(octets[half:]),
        max(prefix.length - 8 * half, 0),
        address(octets[:half]),
        min(prefix.length, 8 * half),
    )
