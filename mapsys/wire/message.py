"""Any LISP control message: a UDP payload of port 4342 to a value (RFC 9301, 5)."""

from __future__ import annotations

from mapsys.wire.cursor import Reader
from mapsys.wire.ecm import Ecm
from mapsys.wire.plain_message import PlainMessage, decode_plain

Message = PlainMessage | Ecm


def decode(data: bytes) -> Message:
    """The message in a UDP payload of at most 65,535 octets.

    Any octets give a message or raise a WireError. Octets past the end of what a
    message announces are refused, save behind a Map-Request, where RFC 6830 had a
    field without a length.
    """
    if data[:1] and data[0] >> 4 == Ecm.TYPE:
        return Ecm.read(Reader(data))
    return decode_plain(data)
