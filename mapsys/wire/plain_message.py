"""Control messages that stand by themselves: all but the one that encapsulates others."""

from __future__ import annotations

from typing import Final

from mapsys.wire.cursor import Reader
from mapsys.wire.errors import Truncated, UnknownType
from mapsys.wire.info import InfoReply, InfoRequest
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_referral import MapReferral
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.shared_extension import SharedExtension

PlainMessage = (
    MapRequest
    | MapReply
    | MapRegister
    | MapNotify
    | MapNotifyAck
    | MapReferral
    | InfoRequest
    | InfoReply
    | SharedExtension
)

_CLASSES: Final[dict[int, type[PlainMessage]]] = {
    message.TYPE: message
    for message in (
        MapRequest,
        MapReply,
        MapRegister,
        MapNotify,
        MapNotifyAck,
        MapReferral,
        InfoRequest,
        SharedExtension,
    )
}

_INFO_REPLY: Final = 0x78
"""First octet, high five bits: type 7 with its R bit."""


def decode_plain(data: bytes) -> PlainMessage:
    """The message in a UDP payload. Raises WireError; UnknownType for an ECM."""
    if not data:
        raise Truncated("no octets")
    first = data[0]
    if first & 0xF8 == _INFO_REPLY:
        return InfoReply.read(Reader(data))
    known = _CLASSES.get(first >> 4)
    if known is None:
        raise UnknownType(f"message type {first >> 4}")
    return known.read(Reader(data))
