"""Messages and effects as readable JSON, and records back from it; both sides of a scenario."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

from mapsys.core.effects import Effect, Endpoint, Send
from mapsys.core.settings import Settings
from mapsys.eid import EidPrefix
from mapsys.record_view import action_name, address_text
from mapsys.wire import afi, lcaf
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.errors import WireError
from mapsys.wire.map_request import MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import Action, EidRecord, RlocRecord

ADDRESSES: tuple[type[Any], ...] = tuple(
    kind
    for module in (afi, lcaf)
    for kind in vars(module).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
)

_FLAG_LETTERS = {"L": "local", "p": "probed", "R": "reachable"}


def locator_text(rloc: RlocRecord) -> str:
    """A locator as ``192.0.2.1 1/100 255/0 R``: unicast and multicast values, flags."""
    flags = "".join(letter for letter, name in _FLAG_LETTERS.items() if getattr(rloc, name))
    unicast, multicast = (
        f"{rloc.priority}/{rloc.weight}",
        f"{rloc.m_priority}/{rloc.m_weight}",
    )
    return f"{address_text(rloc.rloc)} {unicast} {multicast} {flags or '-'}"


def locator(text: str) -> RlocRecord:
    """A locator from its text; what is left out is ``1/100 255/0 R``."""
    words = text.split()
    words += ["1/100", "255/0", "R"][len(words) - 1 :]
    priority, weight = map(int, words[1].split("/"))
    m_priority, m_weight = map(int, words[2].split("/"))
    flags = {name: letter in words[3] for letter, name in _FLAG_LETTERS.items()}
    return RlocRecord(ip_address(words[0]), priority, weight, m_priority, m_weight, **flags)


def record_json(record: EidRecord) -> dict[str, Any]:
    """An EID-Record: what is zero or unset is left out."""
    try:
        eid = str(record.eid_prefix)
    except WireError:
        eid = f"{address_text(record.eid)}/{record.mask_len}"
    held: dict[str, Any] = {"eid": eid, "ttl": record.record_ttl_minutes}
    if record.action or not record.rlocs:
        held["action"] = action_name(record.action)
    if record.authoritative:
        held["authoritative"] = True
    if record.map_version:
        held["map_version"] = record.map_version
    held["rlocs"] = [locator_text(rloc) for rloc in record.rlocs]
    return held


def record_from(held: dict[str, Any]) -> EidRecord:
    """The record that a scenario describes."""
    address, mask_len = from_eid_prefix(EidPrefix.parse(held["eid"]))
    return EidRecord(
        held.get("ttl", 1440),
        address,
        mask_len,
        tuple(map(locator, held.get("rlocs", ()))),
        action=Action[held.get("action", "no-action").upper().replace("-", "_")],
        authoritative=held.get("authoritative", False),
        map_version=held.get("map_version", 0),
    )


def readable(value: Any, name: str = "") -> Any:
    """Any value of a message or an effect as JSON; fields with their default are left out."""
    match value:
        case EidRecord():
            return record_json(value)
        case RlocRecord():
            return locator_text(value)
        case MapRequestRecord():
            text = str(value.eid_prefix)
            return f"{text} notify" if value.notification_requested else text
        case EidPrefix() | Endpoint():
            return str(value)
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case int() if name == "nonce":
            return f"{value:#x}"
        case tuple():
            return [readable(element) for element in value]
    if isinstance(value, ADDRESSES):
        return address_text(value)
    if not dataclasses.is_dataclass(value):
        return value
    shown = {
        field.name: readable(getattr(value, field.name), field.name)
        for field in dataclasses.fields(value)
        if field.init
        and field.name != "authentication_data"
        and not callable(getattr(value, field.name))
        and getattr(value, field.name) != field.default
    }
    return {"is": type(value).__name__, **shown}


def keys_of(settings: Settings) -> dict[str, Key]:
    """Every key that a message can be signed with: ``one/1``, ``one/1 next``, ``pubsub/1``."""
    keys = {
        f"{site.name}/{key.key_id}{'' if secret is key.current else ' next'}": secret
        for site in settings.sites
        for key in site.keys
        for secret in key.secrets()
    }
    if settings.pubsub is not None:
        keys |= {f"pubsub/{key.key_id}": key.secret for key in settings.pubsub.keys}
    return keys


def signer_of(octets: bytes, keys: Mapping[str, Key]) -> str | None:
    """Whose key made a message's MAC; None where it is none of these."""
    return next((name for name, key in keys.items() if key.verify(octets)), None)


def message_json(octets: bytes, keys: Mapping[str, Key]) -> dict[str, Any]:
    """A message that leaves the server, and who it is signed for."""
    message = decode(octets)
    if isinstance(message, Ecm):
        inner = message.inner_header
        shown = readable(message)
        del shown["inner"]
        shown["inner"] = (
            f"{Endpoint(inner.source, inner.source_port)} > "
            f"{Endpoint(inner.destination, inner.destination_port)}"
        )
        shown["message"] = message_json(message.payload, keys)
        return dict(shown)
    shown = dict(readable(message))
    if hasattr(message, "authentication_data"):
        shown["mac"] = signer_of(octets, keys)
    return shown


def effect_json(effect: Effect, keys: Mapping[str, Key]) -> dict[str, Any]:
    """One effect."""
    if not isinstance(effect, Send):
        return dict(readable(effect))
    return {
        "is": "Send",
        "from": None if effect.source is None else str(effect.source),
        "to": str(effect.destination),
        "waits_for_commit": effect.after is not None,
        "message": message_json(effect.data, keys),
    }
