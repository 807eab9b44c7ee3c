"""EID-Prefixes: who is being located, in one canonical form.

Every table, filter and reply speaks of EIDs through :class:`EidPrefix`. The wire
layer turns address octets into it (``wire.eid_address``) and back.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple, Self

MAX_INSTANCE_ID: Final = 0xFFFFFFFF
"""The LCAF field is 32 bits wide (RFC 8060, 4.1)."""


class Family(IntEnum):
    """What kind of EID a prefix holds; the numbers are stable in stored state."""

    IPV4 = 1
    IPV6 = 2
    MAC = 3
    NAME = 4
    MULTICAST_IPV4 = 5
    MULTICAST_IPV6 = 6
    OPAQUE = 7


WIDTH_BITS: Final[dict[Family, int]] = {
    Family.IPV4: 32,
    Family.IPV6: 128,
    Family.MAC: 48,
    Family.NAME: 240,
    Family.MULTICAST_IPV4: 64,
    Family.MULTICAST_IPV6: 256,
    Family.OPAQUE: 2040,
}
"""Bits in a full-length EID of each family.

NAME: at most 30 octets, since an EID mask-len of 8 bits also counts the final
NUL (RFC 9735, 4). MULTICAST: the group's bits, then the source's, so that
(S,G) is longer than (*,G). OPAQUE: an LCAF this system gives no structure, its
octets in full; it only ever matches itself.
"""


_PACKED_HEAD: Final = Struct(">IBH")
"""Instance-ID, family, length: how a packed prefix begins."""


class _Fields(NamedTuple):
    instance_id: int
    family: Family
    network: int
    length: int


class EidPrefix(_Fields):
    """A canonical EID-Prefix; ordered so that a covering prefix sorts before what it covers.

    instance_id: 0..2**32-1.
    network: the prefix bits left-aligned in the family's width, host bits zero.
    length: prefix bits, 0..WIDTH_BITS[family].
    Raises ValueError where a value is out of range or host bits are set; use
    :meth:`masked` to clear them.
    """

    # A tuple, since every message makes several of them: built, compared and hashed
    # in a fraction of the time that a dataclass takes.
    __slots__ = ()

    def __new__(cls, instance_id: int, family: Family, network: int, length: int) -> Self:
        width = WIDTH_BITS[family]
        if not 0 <= length <= width:
            raise ValueError(f"prefix length {length} is outside 0..{width}")
        if not 0 <= instance_id <= MAX_INSTANCE_ID:
            raise ValueError(f"instance-ID {instance_id} is outside 0..{MAX_INSTANCE_ID}")
        if network >> width or network & ((1 << (width - length)) - 1):
            raise ValueError(f"host bits are set beyond prefix length {length}")
        return tuple.__new__(cls, (instance_id, family, network, length))

    @classmethod
    def canonical(cls, instance_id: int, family: Family, network: int, length: int) -> Self:
        """The same of values that are known to be in range and masked: nothing is checked."""
        return tuple.__new__(cls, (instance_id, family, network, length))

    @classmethod
    def masked(cls, instance_id: int, family: Family, address: int, length: int) -> EidPrefix:
        """The prefix of this length around an address; host bits are cleared."""
        host_bits = WIDTH_BITS[family] - length
        if host_bits < 0:
            raise ValueError(f"prefix length {length} is outside 0..{WIDTH_BITS[family]}")
        return cls(instance_id, family, address >> host_bits << host_bits, length)

    @classmethod
    def parse(cls, text: str, instance_id: int = 0) -> EidPrefix:
        """Read ``10.1.0.0/16``, ``2001:db8::/48``, ``00:11:22:33:44:55/48`` or ``"a-name"``.

        An address without a length is a host prefix. A leading ``[IID]`` wins over
        the instance_id argument. Raises ValueError with the reason.
        """
        body = text.strip()
        if body.startswith("["):
            number, bracket, body = body[1:].partition("]")
            if not bracket or not number.isdigit():
                raise ValueError(f"{text!r}: an instance-ID is written as [NUMBER]")
            instance_id = int(number)
        if body[:1] in "'\"" and len(body) >= 2 and body[-1] == body[0]:
            return cls.of_name(body[1:-1].encode("utf-8"), instance_id)
        if body.startswith("("):
            return cls._parse_multicast(text, body, instance_id)
        address, _, length_text = body.partition("/")
        if length_text and not length_text.isdigit():
            raise ValueError(f"{text!r}: the prefix length is not a number")
        if address.count(":") == 5 and "::" not in address:
            family, value = Family.MAC, _mac(address)
        else:
            ip = ipaddress.ip_address(address)
            family = Family.IPV4 if ip.version == 4 else Family.IPV6
            value = int(ip)
        length = int(length_text) if length_text else WIDTH_BITS[family]
        return cls(instance_id, family, value, length)

    @classmethod
    def _parse_multicast(cls, text: str, body: str, instance_id: int) -> EidPrefix:
        source_text, comma, group_text = body.strip("()").partition(",")
        if not comma or not body.endswith(")"):
            raise ValueError(f"{text!r}: a multicast EID is written as (SOURCE,GROUP)")
        group = ipaddress.ip_network(group_text.strip())
        any_source = "0.0.0.0/0" if group.version == 4 else "::/0"
        source_text = source_text.strip()
        source = ipaddress.ip_network(any_source if source_text == "*" else source_text)
        if source.version != group.version:
            raise ValueError(f"{text!r}: source and group are of different families")
        return cls.of_multicast(
            instance_id,
            group.network_address.packed,
            group.prefixlen,
            source.network_address.packed,
            source.prefixlen,
        )

    @classmethod
    def of_name(cls, name: bytes, instance_id: int = 0) -> EidPrefix:
        """A distinguished name, without its final NUL; at most 30 octets (RFC 9735)."""
        if len(name) * 8 > WIDTH_BITS[Family.NAME]:
            raise ValueError("a distinguished name holds at most 30 octets")
        shift = WIDTH_BITS[Family.NAME] - 8 * len(name)
        return cls(instance_id, Family.NAME, int.from_bytes(name, "big") << shift, 8 * len(name))

    @classmethod
    def of_multicast(
        cls,
        instance_id: int,
        group: bytes,
        group_length: int,
        source: bytes,
        source_length: int,
    ) -> EidPrefix:
        """(S,G) or (*,G); addresses of 4 or 16 octets, equal in size.

        A group that is not of full length can only stand with a source of length
        0: anything else is two-dimensional and raises ValueError.
        """
        family = Family.MULTICAST_IPV4 if len(group) == 4 else Family.MULTICAST_IPV6
        half = WIDTH_BITS[family] // 2
        if group_length < half and source_length:
            raise ValueError("a group prefix can only stand with any source")
        address = int.from_bytes(group, "big") << half | int.from_bytes(source, "big")
        return cls.masked(instance_id, family, address, group_length + source_length)

    @classmethod
    def of_opaque(cls, octets: bytes, instance_id: int = 0) -> EidPrefix:
        """An LCAF without structure here, by its octets; at most 252 of them."""
        if len(octets) > 252:
            raise ValueError("an opaque EID holds at most 252 octets")
        width = WIDTH_BITS[Family.OPAQUE]
        framed = len(octets).to_bytes(3, "big") + octets
        return cls(
            instance_id,
            Family.OPAQUE,
            int.from_bytes(framed, "big") << (width - 8 * len(framed)),
            width,
        )

    @property
    def width(self) -> int:
        """Bits in a full-length EID of this family."""
        return WIDTH_BITS[self.family]

    @property
    def is_host(self) -> bool:
        """Whether the prefix names one EID: /32, /128, a MAC, one (S,G)."""
        return self.length == WIDTH_BITS[self.family]

    def covers(self, other: EidPrefix) -> bool:
        """Whether every EID of the other prefix is in this one (equal counts)."""
        return (
            self.instance_id == other.instance_id
            and self.family == other.family
            and self.length <= other.length
            and (self.network ^ other.network) >> (WIDTH_BITS[self.family] - self.length) == 0
        )

    def truncated(self, length: int) -> EidPrefix:
        """The covering prefix of a shorter or equal length."""
        if length > self.length:
            raise ValueError(f"{length} is longer than {self.length}")
        return EidPrefix.masked(self.instance_id, self.family, self.network, length)

    def network_octets(self) -> bytes:
        """The network as octets of the full width."""
        return self.network.to_bytes(WIDTH_BITS[self.family] // 8, "big")

    def opaque_octets(self) -> bytes:
        """What :meth:`of_opaque` was given."""
        framed = self.network_octets()
        return framed[3 : 3 + int.from_bytes(framed[:3], "big")]

    def pack(self) -> bytes:
        """A self-delimiting form for stored state; :meth:`unpack` reads it back."""
        instance_id, family, network, length = self
        size = (length + 7) // 8
        octets = (network >> (WIDTH_BITS[family] - 8 * size)).to_bytes(size, "big")
        return _PACKED_HEAD.pack(instance_id, family, length) + octets

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> tuple[EidPrefix, int]:
        """The prefix packed at an offset, and the offset after it.

        Raises ValueError where the octets are no packed prefix.
        """
        head = octets[offset : offset + 7]
        if len(head) < 7:
            raise ValueError("a packed EID-Prefix is cut short")
        family = Family(head[4])
        length = int.from_bytes(head[5:7], "big")
        end = offset + 7 + (length + 7) // 8
        body = octets[offset + 7 : end]
        if len(body) < (length + 7) // 8:
            raise ValueError("a packed EID-Prefix is cut short")
        network = int.from_bytes(body, "big") << (WIDTH_BITS[family] - 8 * len(body))
        return cls(int.from_bytes(head[:4], "big"), family, network, length), end

    def __str__(self) -> str:
        iid = f"[{self.instance_id}]" if self.instance_id else ""
        return iid + self._body()

    def _body(self) -> str:
        octets = self.network_octets()
        if self.family in (Family.IPV4, Family.IPV6):
            return f"{ipaddress.ip_address(octets)}/{self.length}"
        if self.family is Family.MAC:
            return f"{octets.hex(':')}/{self.length}"
        if self.family is Family.NAME:
            return '"' + octets[: self.length // 8].decode("utf-8", "backslashreplace") + '"'
        if self.family is Family.OPAQUE:
            return "lcaf:" + self.opaque_octets().hex()
        half = self.width // 2
        group = ipaddress.ip_address(octets[: half // 8])
        source = ipaddress.ip_address(octets[half // 8 :])
        if self.length <= half:
            return f"(*,{group}/{self.length})" if self.length < half else f"(*,{group})"
        source_length = self.length - half
        return (
            f"({source},{group})"
            if source_length == half
            else f"({source}/{source_length},{group})"
        )


def _mac(text: str) -> int:
    try:
        octets = bytes(int(part, 16) for part in text.split(":"))
    except ValueError:
        octets = b""
    if len(octets) != 6:
        raise ValueError(f"{text!r} is not a MAC address")
    return int.from_bytes(octets, "big")
