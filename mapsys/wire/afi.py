"""Addresses named by an AFI alone; those that hold other addresses are in ``lcaf``."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Final

from mapsys.wire.cursor import Reader, Writer


class Afi(IntEnum):
    """Address family numbers that LISP control messages carry."""

    NONE = 0
    IPV4 = 1
    IPV6 = 2
    MAC = 6
    DISTINGUISHED_NAME = 17
    AS_NUMBER = 18
    LCAF = 16387
    MAC_48 = 16389


_IPV4_AFI: Final = Afi.IPV4.to_bytes(2, "big")
_IPV6_AFI: Final = Afi.IPV6.to_bytes(2, "big")


class Address(ABC):
    """Anything that an AFI can announce; one immutable value class each."""

    __slots__ = ()

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Append the AFI and the address. Raises ValueError where a field does not fit."""


def require_size(octets: bytes, size: int, what: str) -> None:
    """Raise ValueError unless a field of fixed size has it."""
    if len(octets) != size:
        raise _wrong_size(octets, size, what)


def _wrong_size(octets: bytes, size: int, what: str) -> ValueError:
    return ValueError(f"{what} has {size} octets, not {len(octets)}")


@dataclass(frozen=True, slots=True)
class NoAddress(Address):
    """AFI 0: an address field left empty."""

    def write(self, writer: Writer) -> None:
        writer.uint(Afi.NONE, 2)


@dataclass(frozen=True, slots=True)
class Ipv4(Address):
    """An IPv4 address of 4 octets; as an EID-Prefix it may have host bits set."""

    packed: bytes

    def __post_init__(self) -> None:
        if len(self.packed) != 4:
            raise _wrong_size(self.packed, 4, "an IPv4 address")

    @property
    def text(self) -> str:
        """The address as ``192.0.2.1``."""
        return inet_ntop(AF_INET, self.packed)

    def write(self, writer: Writer) -> None:
        writer.put(_IPV4_AFI + self.packed)


@dataclass(frozen=True, slots=True)
class Ipv6(Address):
    """An IPv6 address of 16 octets; as an EID-Prefix it may have host bits set."""

    packed: bytes

    def __post_init__(self) -> None:
        if len(self.packed) != 16:
            raise _wrong_size(self.packed, 16, "an IPv6 address")

    @property
    def text(self) -> str:
        """The address as ``2001:db8::1``."""
        return inet_ntop(AF_INET6, self.packed)

    def write(self, writer: Writer) -> None:
        writer.put(_IPV6_AFI + self.packed)


@dataclass(frozen=True, slots=True)
class Mac(Address):
    """A 48-bit MAC address of 6 octets.

    afi: 6 as in RFC 8060, 4.10.2, or 16389, which other implementations send;
    kept so that octets are written as they were read.
    """

    packed: bytes
    afi: int = Afi.MAC

    def __post_init__(self) -> None:
        require_size(self.packed, 6, "a MAC address")
        if self.afi not in (Afi.MAC, Afi.MAC_48):
            raise ValueError(f"a MAC address has AFI 6 or 16389, not {self.afi}")

    def write(self, writer: Writer) -> None:
        writer.uint(self.afi, 2)
        writer.put(self.packed)


@dataclass(frozen=True, slots=True)
class DistinguishedName(Address):
    """A name, without the NUL that ends it on the wire; may be empty.

    Source: RFC 9735, 3.
    """

    name: bytes

    def __post_init__(self) -> None:
        if 0 in self.name:
            raise ValueError("a distinguished name holds no NUL")

    def write(self, writer: Writer) -> None:
        writer.uint(Afi.DISTINGUISHED_NAME, 2)
        writer.put(self.name + b"\0")


@dataclass(frozen=True, slots=True)
class AsNumberAddress(Address):
    """An AS number of 32 bits that stands as an address of its own."""

    asn: int

    def write(self, writer: Writer) -> None:
        writer.uint(Afi.AS_NUMBER, 2)
        writer.uint(self.asn, 4)


def _read_nothing(_reader: Reader) -> NoAddress:
    return NoAddress()


PLAIN_READERS: Final[dict[int, Callable[[Reader], Address]]] = {
    Afi.NONE: _read_nothing,
    Afi.IPV4: lambda reader: Ipv4(reader.take(4)),
    Afi.IPV6: lambda reader: Ipv6(reader.take(16)),
    Afi.MAC: lambda reader: Mac(reader.take(6)),
    Afi.MAC_48: lambda reader: Mac(reader.take(6), Afi.MAC_48),
    Afi.DISTINGUISHED_NAME: lambda reader: DistinguishedName(reader.take_until_nul()),
    Afi.AS_NUMBER: lambda reader: AsNumberAddress(reader.uint(4)),
}
"""AFI -> reader of the octets behind it."""


def ip_address(text: str) -> Ipv4 | Ipv6:
    """The address written as text. Raises ValueError where it is none."""
    address = ipaddress.ip_address(text)
    return Ipv4(address.packed) if address.version == 4 else Ipv6(address.packed)
