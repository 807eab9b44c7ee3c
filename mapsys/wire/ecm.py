"""Encapsulated Control Message: a control message with its own IP and UDP headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import Truncated, UnknownAuthenticationData
from mapsys.wire.ip import InnerHeader, parse_ip_udp
from mapsys.wire.lisp_sec import LISP_SEC, OTK_LENGTHS
from mapsys.wire.plain_message import PlainMessage, decode_plain

_SECURITY: Final = 0x08000000
_DDT_ORIGINATED: Final = 0x04000000
_TO_ETR: Final = 0x02000000
_TO_MAP_SERVER: Final = 0x01000000
_RTR_PROCESS: Final = 0x00400000
_RTR_RELAYED: Final = 0x00200000

_AD_MS_RTR: Final = 2

_LISP_SEC_HEAD: Final = Struct("!4xH26xH")
"""One-Time Key length and EID-AD length, with all before and between (RFC 9303, 6.1)."""
_EID_AD_MINIMUM: Final = 4
"""An EID-AD counts its own length and the KDF ID."""
_MS_RTR_HEAD: Final = Struct("!6xH")
"""AD Type and Key ID, then the length (draft-ermagan-lisp-nat-traversal-19, 4.4)."""


@dataclass(frozen=True, slots=True)
class Ecm:
    """A control message passed on with the headers it was sent with.

    inner: the whole inner IP packet, as received. security: authentication data
    from its AD Type on, not looked into here; None where the S bit is clear.
    ddt_originated: the sender wants a Map-Referral (D). to_etr, to_map_server:
    which of two co-located devices it is for (RFC 9301, 12.6). rtr_process,
    rtr_relayed: bits R and N of draft-ermagan-lisp-nat-traversal, 4.3.

    inner_header, payload, message: what the inner packet holds. Building one
    raises the WireError that the inner packet deserves; a second ECM inside is an
    unknown type.

    Source: RFC 9301, 5.8.
    """

    TYPE: ClassVar[int] = 8

    inner: bytes
    ddt_originated: bool = False
    to_etr: bool = False
    to_map_server: bool = False
    rtr_process: bool = False
    rtr_relayed: bool = False
    security: bytes | None = None
    inner_header: InnerHeader = field(init=False, compare=False, repr=False)
    payload: bytes = field(init=False, compare=False, repr=False)
    message: PlainMessage = field(init=False, compare=False)

    def __post_init__(self) -> None:
        header, payload = parse_ip_udp(self.inner)
        message = decode_plain(payload)
        # The only way to set a field of a frozen dataclass.
        object.__setattr__(self, "inner_header", header)
        object.__setattr__(self, "payload", payload)
        object.__setattr__(self, "message", message)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises UnknownAuthenticationData, and what the inner packet and message raise."""
        word = reader.uint(4)
        security = _read_security(reader) if word & _SECURITY else None
        return cls(
            reader.take_rest(),
            bool(word & _DDT_ORIGINATED),
            bool(word & _TO_ETR),
            bool(word & _TO_MAP_SERVER),
            bool(word & _RTR_PROCESS),
            bool(word & _RTR_RELAYED),
            security,
        )

    def octets(self) -> bytes:
        """The message, the inner packet as it is."""
        writer = Writer()
        writer.uint(
            self.TYPE << 28
            | (self.security is not None) * _SECURITY
            | self.ddt_originated * _DDT_ORIGINATED
            | self.to_etr * _TO_ETR
            | self.to_map_server * _TO_MAP_SERVER
            | self.rtr_process * _RTR_PROCESS
            | self.rtr_relayed * _RTR_RELAYED,
            4,
        )
        writer.put(self.security or b"")
        writer.put(self.inner)
        return writer.octets()


def _read_security(reader: Reader) -> bytes:
    """The authentication data, whose own lengths say where the inner packet begins."""
    ad_type = reader.peek(1)[0]
    if ad_type == LISP_SEC:
        otk_octets, eid_ad_octets = _LISP_SEC_HEAD.unpack(reader.peek(_LISP_SEC_HEAD.size))
        if otk_octets not in OTK_LENGTHS:
            raise UnknownAuthenticationData(f"a One-Time Key of {otk_octets} octets")
        if eid_ad_octets < _EID_AD_MINIMUM:
            raise Truncated(f"an EID-AD of {eid_ad_octets} octets")
        return reader.take(_LISP_SEC_HEAD.size - 2 + eid_ad_octets)
    if ad_type == _AD_MS_RTR:
        (data_octets,) = _MS_RTR_HEAD.unpack(reader.peek(_MS_RTR_HEAD.size))
        return reader.take(_MS_RTR_HEAD.size + data_octets)
    raise UnknownAuthenticationData(f"AD Type {ad_type}")
