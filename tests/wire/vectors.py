"""The vector files in ``tests/vectors``, and values as JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from mapsys.wire import address, lcaf, records
from mapsys.wire.ecm import Ecm
from mapsys.wire.info import InfoReply, InfoRequest
from mapsys.wire.ip import InnerHeader
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_referral import MapReferral
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.shared_extension import SharedExtension

VECTOR_FOLDER = Path(__file__).parents[1] / "vectors"
CAPTURE_FOLDER = Path(__file__).parents[1] / "captures"

_CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        *(getattr(address, name) for name in address.__all__),
        *(getattr(lcaf, name) for name in lcaf.__all__),
        records.EidRecord,
        records.RlocRecord,
        records.ReferralRecord,
        records.Signature,
        Ecm,
        InfoReply,
        InfoRequest,
        InnerHeader,
        MapNotify,
        MapNotifyAck,
        MapReferral,
        MapRegister,
        MapReply,
        MapRequest,
        MapRequestRecord,
        SharedExtension,
    )
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}


class Vector(NamedTuple):
    """One file.

    message: the value as JSON, or None where the octets are malformed, and reason
    says how. canonical: whether the value is written as the same octets.
    secret: what the message is signed with, or None.
    """

    name: str
    source: str
    octets: bytes
    message: Any
    reason: str | None
    canonical: bool
    secret: str | None


def load_vectors() -> list[Vector]:
    """All vectors, by file name."""
    vectors = []
    for path in sorted(VECTOR_FOLDER.glob("*.json")):
        held = json.loads(path.read_text(encoding="utf-8"))
        vectors.append(
            Vector(
                path.stem,
                held["source"],
                bytes.fromhex("".join(held["hex"])),
                held.get("message"),
                held.get("reason"),
                held.get("canonical", True),
                held.get("secret"),
            )
        )
    return vectors


def to_json(value: Any) -> Any:
    """A value as JSON: objects carry their class under "is", octets are hexadecimal text.

    Fields that hold their default are left out; what an ECM holds is shown.
    """
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [to_json(element) for element in value]
    if not dataclasses.is_dataclass(value):
        return value
    held = {
        field.name: to_json(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.init and getattr(value, field.name) != field.default
    }
    if isinstance(value, Ecm):
        held["inner_header"] = to_json(value.inner_header)
        held["message"] = to_json(value.message)
    return {"is": type(value).__name__, **held}


def from_json(held: Any) -> Any:
    """The value that ``to_json`` turned into JSON."""
    if isinstance(held, list):
        return tuple(from_json(element) for element in held)
    if not isinstance(held, dict):
        return held
    kind = _CLASSES[held["is"]]
    arguments = {}
    for field in dataclasses.fields(kind):
        if field.init and field.name in held:
            arguments[field.name] = _field_value(field, held[field.name])
    return kind(**arguments)


def _field_value(field: dataclasses.Field[Any], held: Any) -> Any:
    if "bytes" not in str(field.type):
        return from_json(held)
    if isinstance(held, list):
        return tuple(bytes.fromhex(octets) for octets in held)
    return bytes.fromhex(held)
