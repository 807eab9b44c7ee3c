"""Canonical addresses of the unapproved types (RFC 8060, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from struct import Struct
from typing import Final, Self

from mapsys.wire.afi import Address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.lcaf_base import Lcaf, NestedReader

_APPLICATION: Final = Struct("!IHHHH")
_OPAQUE_KEY: Final = Struct("!BH")
_BINARY: Final = 1


@dataclass(frozen=True, slots=True)
class ApplicationData(Lcaf):
    """Type 4: an address as one application sees it (5.1).

    traffic_class: 24 bits: a TOS, a traffic class or a flow label. Ports are
    ranges, both ends included.
    """

    TYPE = 4

    traffic_class: int
    protocol: int
    local_ports: tuple[int, int]
    remote_ports: tuple[int, int]
    address: Address

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        word, local_low, local_high, remote_low, remote_high = reader.unpack(_APPLICATION)
        return cls(
            word >> 8,
            word & 0xFF,
            (local_low, local_high),
            (remote_low, remote_high),
            nested(reader),
        )

    def write_payload(self, writer: Writer) -> None:
        writer.uint(self.traffic_class, 3)
        writer.uint(self.protocol, 1)
        for port in (*self.local_ports, *self.remote_ports):
            writer.uint(port, 2)
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class OpaqueKey(Lcaf):
    """Type 6: a key of equal sub-fields (5.2).

    key_field_num: their number, less one. wildcards: 16 bits, one for each
    sub-field that a lookup leaves out.
    """

    TYPE = 6

    key_field_num: int
    wildcards: int
    key: bytes

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        key_field_num, wildcards = reader.unpack(_OPAQUE_KEY)
        return cls(key_field_num, wildcards, reader.take_rest())

    def write_payload(self, writer: Writer) -> None:
        writer.pack(_OPAQUE_KEY, self.key_field_num, self.wildcards)
        writer.put(self.key)


@dataclass(frozen=True, slots=True)
class NonceLocator(Lcaf):
    """Type 8: a locator that admits data packets with a nonce of 24 bits (5.3)."""

    TYPE = 8

    nonce: int
    address: Address

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(reader.uint(4) & 0xFFFFFF, nested(reader))

    def write_payload(self, writer: Writer) -> None:
        writer.uint(0, 1)
        writer.uint(self.nonce, 3)
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class Json(Lcaf):
    """Type 14: a JSON document, not looked into, with an address (5.4).

    binary: a binary encoding instead of text.
    """

    TYPE = 14

    json: bytes
    address: Address
    binary: bool = False

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(reader.take(reader.uint(2)), nested(reader), bool(rsvd2 & _BINARY))

    @property
    def rsvd2(self) -> int:
        return self.binary * _BINARY

    def write_payload(self, writer: Writer) -> None:
        writer.uint(len(self.json), 2)
        writer.put(self.json)
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class KeyValue(Lcaf):
    """Type 15: an address with another one as its attribute (5.5)."""

    TYPE = 15

    key: Address
    value: Address

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(nested(reader), nested(reader))

    def write_payload(self, writer: Writer) -> None:
        self.key.write(writer)
        self.value.write(writer)


class Encapsulation(IntFlag):
    """Data-plane encapsulations that a locator accepts, by their bits."""

    LISP = 1
    LISP_L2 = 2
    VXLAN = 4
    VXLAN_GPE = 8
    NVGRE = 16
    GENEVE = 32
    GUE = 64


_ENCAPSULATION_BITS: Final = 0x7F


@dataclass(frozen=True, slots=True)
class EncapsulationFormat(Lcaf):
    """Type 16: a locator with the encapsulations it accepts (5.6)."""

    TYPE = 16

    encapsulations: Encapsulation
    address: Address

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(Encapsulation(reader.uint(4) & _ENCAPSULATION_BITS), nested(reader))

    def write_payload(self, writer: Writer) -> None:
        writer.uint(self.encapsulations, 4)
        self.address.write(writer)
