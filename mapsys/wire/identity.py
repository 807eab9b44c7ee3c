"""The xTR-ID and Site-ID that end a message whose I bit is set (RFC 9301, 5.6)."""

from __future__ import annotations

from typing import Final

from mapsys.wire.cursor import Reader, Writer

XTR_ID_OCTETS: Final = 16
SITE_ID_OCTETS: Final = 8
IDENTITY_OCTETS: Final = XTR_ID_OCTETS + SITE_ID_OCTETS


def read_identity(reader: Reader, present: bool) -> tuple[bytes | None, bytes | None]:
    """xTR-ID and Site-ID, or twice None where the I bit is clear. Raises Truncated."""
    if not present:
        return None, None
    return reader.take(XTR_ID_OCTETS), reader.take(SITE_ID_OCTETS)


def write_identity(writer: Writer, xtr_id: bytes | None, site_id: bytes | None) -> None:
    """Append both, or nothing where both are None.

    Raises ValueError where only one is given, or one is not of its size.
    """
    if xtr_id is None and site_id is None:
        return
    if xtr_id is None or site_id is None:
        raise ValueError("xtr_id and site_id are sent together or not at all")
    if len(xtr_id) != XTR_ID_OCTETS or len(site_id) != SITE_ID_OCTETS:
        raise ValueError(f"xtr_id has {XTR_ID_OCTETS} octets and site_id {SITE_ID_OCTETS}")
    writer.put(xtr_id)
    writer.put(site_id)
