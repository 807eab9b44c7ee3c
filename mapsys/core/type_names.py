"""What to call a message in an effect when it could not be read."""

from __future__ import annotations

from typing import Final

_TYPE_NAMES: Final = {
    1: "MapRequest",
    2: "MapReply",
    3: "MapRegister",
    4: "MapNotify",
    5: "MapNotifyAck",
    6: "MapReferral",
    7: "InfoRequest",
    8: "Ecm",
    15: "SharedExtension",
}


def type_name(data: bytes) -> str:
    """What a message that could not be read set out to be."""
    return _TYPE_NAMES.get(data[0] >> 4, "unknown") if data else "unknown"
