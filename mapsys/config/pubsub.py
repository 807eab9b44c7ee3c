"""Subscriptions: the Map-Server's side, and whom the Map-Resolver vouches for (RFC 9437)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mapsys.config import model
from mapsys.config.blocks import Block
from mapsys.config.rates import RATE
from mapsys.config.scalars import Boolean, Choice, Duration, Integer, Prefix, ScalarKind
from mapsys.config.schema import Field, ListOf, Plain, Record, Value, Words
from mapsys.config.secret import SecretFile, SecretText
from mapsys.wire.identity import SITE_ID_OCTETS, XTR_ID_OCTETS

LIMIT_HIGHEST: Final = 10_000_000

_DEFAULTS: Final = model.PubSubConfig()


class Hexadecimal(ScalarKind[bytes]):
    """A fixed number of octets, two hexadecimal digits each."""

    def __init__(self, octets: int) -> None:
        self._octets = octets
        self.expects = f"{2 * octets} hexadecimal digits"

    def parse(self, text: str) -> bytes:
        digits = set(text) <= set("0123456789abcdefABCDEF")
        if not digits or len(text) != 2 * self._octets:
            raise ValueError(f"is not {self.expects}")
        return bytes.fromhex(text)

    def write(self, setting: bytes) -> Plain | None:
        return setting.hex()


XTR_ID: Final = Field("xtr-id", Hexadecimal(XTR_ID_OCTETS))

KEY: Final = Record(
    model.PubSubKeyConfig,
    "a key, as in {id: 1, secret-file: pubsub.key}",
    Field("id", Integer(0, 255)),
    Field(
        "algorithm",
        Choice("hmac-sha-256-128", "hmac-sha-256-128+hkdf-sha256", "hmac-sha-1-96"),
        default=model.ALGORITHM,
    ),
    Field("secret-file", SecretFile(), to="secret"),
    Field("secret", SecretText()),
)

SUBSCRIBER: Final = Record(
    model.SubscriberConfig,
    "an xTR, as in {xtr-id: 00000000000000000000000000000001, key: 1}",
    XTR_ID,
    Field("key", Integer(0, 255), default=None),
    Field(
        "allow",
        Words({"everything": None}, ListOf(Block(), name="EID-Prefixes", at_least=1)),
        default=None,
    ),
)


def _check_server(value: Value, settings: model.PubSubConfig) -> None:
    seen: dict[int, int] = {}
    for number, key in enumerate(settings.keys):
        if key.id in seen:
            value.at("keys", number, "id").fault(
                f"key-id {key.id} is that of keys[{seen[key.id]}] already; give each key its own"
            )
        seen.setdefault(key.id, number)
    for number, subscriber in enumerate(settings.subscribers):
        if subscriber.key is not None and subscriber.key not in seen:
            value.at("subscribers", number, "key").fault(_no_such_key(subscriber.key))
    if settings.default_key is not None and settings.default_key not in seen:
        value.at("default-key").fault(_no_such_key(settings.default_key))
    if settings.temporary_seconds % 60:
        value.at("temporary").fault("not in whole minutes, in which a record's TTL counts")
    _refuse_listed_twice(value.at("subscribers"), [s.xtr_id for s in settings.subscribers])


def _no_such_key(key_id: int) -> str:
    return f"no key with id {key_id} is in keys:"


def _refuse_listed_twice(value: Value, xtr_ids: Sequence[bytes]) -> None:
    """Note each xTR-ID that an earlier item has. value: the list."""
    seen: dict[bytes, int] = {}
    for number, xtr_id in enumerate(xtr_ids):
        if xtr_id in seen:
            value.at(number, "xtr-id").fault(
                f"{xtr_id.hex()} is listed as item {seen[xtr_id]} already; keep one of them"
            )
        seen.setdefault(xtr_id, number)


SERVER: Final = Record(
    model.PubSubConfig,
    "subscriptions, as in {keys: [{id: 1, secret-file: pubsub.key}], default-key: 1}",
    Field("policy", Choice("allowed", "off"), default=_DEFAULTS.policy),
    Field("keys", ListOf(KEY, name="keys"), default=()),
    Field("default-key", Integer(0, 255), default=None),
    Field("subscribers", ListOf(SUBSCRIBER, name="xTRs"), default=()),
    Field(
        "trusted-resolvers", ListOf(Prefix(ip_only=True), name="prefixes of sources"), default=()
    ),
    Field("trust-alt", Boolean(), default=False),
    Field("limit", Integer(1, LIMIT_HIGHEST), default=_DEFAULTS.limit),
    Field("limit-per-xtr", Integer(1, LIMIT_HIGHEST), default=_DEFAULTS.limit_per_xtr),
    Field("requests-per-xtr", RATE, default=_DEFAULTS.requests_per_xtr),
    Field("notifies", RATE, default=_DEFAULTS.notifies),
    Field(
        "temporary",
        Duration(60, 86_400),
        default=_DEFAULTS.temporary_seconds,
        to="temporary_seconds",
    ),
    Field(
        "nonce-memory",
        Duration(3_600, 365 * 86_400),
        default=_DEFAULTS.nonce_memory_seconds,
        to="nonce_memory_seconds",
    ),
    check=_check_server,
)


KNOWN_XTR: Final = Record(
    model.KnownXtrConfig,
    "an xTR, as in {xtr-id: 00000000000000000000000000000001, rlocs: [198.51.100.0/24]}",
    XTR_ID,
    Field("site-id", Hexadecimal(SITE_ID_OCTETS), default=None),
    Field(
        "rlocs",
        Words({"any": None}, ListOf(Prefix(ip_only=True), name="locator prefixes", at_least=1)),
        default=None,
    ),
)

KNOWN_XTRS: Final = ListOf(KNOWN_XTR, name="xTRs")


def check_known_xtrs(value: Value, xtrs: Sequence[model.KnownXtrConfig]) -> None:
    """Note an xTR that stands in the list twice. value: the list."""
    _refuse_listed_twice(value, [xtr.xtr_id for xtr in xtrs])
