"""Info-Request and Info-Reply: how an xTR finds out about NATs on its way.

Source: draft-ermagan-lisp-nat-traversal-19, 4.1 and 4.2, and the form in which
draft-farinacci-lisp-lispers-net-nat-04, 4 uses it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.address import Address, DistinguishedName, NoAddress, read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import UnexpectedAddress
from mapsys.wire.lcaf import NatTraversal

_REPLY: Final = 0x08000000

_HEAD: Final = Struct("!IQBBH")
_EID_HEAD: Final = Struct("!IBB")


@dataclass(frozen=True, slots=True)
class _Info:
    """What both messages hold.

    nonce: 64 bits, the request's. key_id, algorithm_id: 8 bits each, which the
    draft draws as one field of 16. authentication_data: as received, or zero
    octets in a message to be signed; empty where nobody signs. ttl_minutes: how
    long the RTRs may be used. eid, mask_len: the xTR's EID-Prefix, or NoAddress
    and 0.
    """

    TYPE: ClassVar[int] = 7

    nonce: int
    key_id: int
    authentication_data: bytes
    ttl_minutes: int
    eid: Address
    mask_len: int
    algorithm_id: int = field(default=0, kw_only=True)

    def _write_head(self, flags: int) -> Writer:
        writer = Writer()
        writer.pack(
            _HEAD,
            self.TYPE << 28 | flags,
            self.nonce,
            self.key_id,
            self.algorithm_id,
            len(self.authentication_data),
        )
        writer.put(self.authentication_data)
        writer.pack(_EID_HEAD, self.ttl_minutes, 0, self.mask_len)
        self.eid.write(writer)
        return writer


@dataclass(frozen=True, slots=True)
class InfoRequest(_Info):
    """An xTR's question whether there is a NAT between it and a Map-Server.

    host_name: the xTR's, as one implementation sends it in place of the empty
    address at the end; None for that empty address.
    """

    host_name: bytes | None = None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, TrailingOctets, UnexpectedAddress, what ``read_address`` raises."""
        _word, nonce, key_id, algorithm_id, length = reader.unpack(_HEAD)
        authentication_data = reader.take(length)
        ttl, _reserved, mask_len = reader.unpack(_EID_HEAD)
        eid = read_address(reader)
        match read_address(reader):
            case NoAddress():
                host_name = None
            case DistinguishedName(name):
                host_name = name
            case other:
                raise UnexpectedAddress(f"{type(other).__name__} ends an Info-Request")
        reader.finish()
        return cls(
            nonce,
            key_id,
            authentication_data,
            ttl,
            eid,
            mask_len,
            host_name,
            algorithm_id=algorithm_id,
        )

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        writer = self._write_head(0)
        end = NoAddress() if self.host_name is None else DistinguishedName(self.host_name)
        end.write(writer)
        return writer.octets()


@dataclass(frozen=True, slots=True)
class InfoReply(_Info):
    """A Map-Server's answer: how it sees the xTR, and the RTRs to use."""

    nat: NatTraversal

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, TrailingOctets, UnexpectedAddress, what ``read_address`` raises."""
        _word, nonce, key_id, algorithm_id, length = reader.unpack(_HEAD)
        authentication_data = reader.take(length)
        ttl, _reserved, mask_len = reader.unpack(_EID_HEAD)
        eid = read_address(reader)
        nat = read_address(reader)
        if not isinstance(nat, NatTraversal):
            raise UnexpectedAddress(f"{type(nat).__name__} ends an Info-Reply")
        reader.finish()
        return cls(
            nonce, key_id, authentication_data, ttl, eid, mask_len, nat, algorithm_id=algorithm_id
        )

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        writer = self._write_head(_REPLY)
        self.nat.write(writer)
        return writer.octets()
