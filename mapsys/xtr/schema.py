"""The configuration of ``mapsys xtr``: a YAML file to XtrSettings, or every fault at once."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final

from mapsys.config.blocks import INSTANCE_ID, in_instance
from mapsys.config.faults import Faults, TooManyFaultsError
from mapsys.config.opened import opened
from mapsys.config.scalars import (
    Boolean,
    Duration,
    EndpointText,
    FilePath,
    Integer,
    IpAddress,
    Prefix,
    Text,
)
from mapsys.config.schema import FaultyError, Field, ListOf, Record, Value
from mapsys.config.secret import Secret, SecretFile, SecretText
from mapsys.config.sites import ALGORITHM, NAME
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lig import CONTROL_PORT
from mapsys.xtr.settings import (
    PATH_MTU_DEFAULT,
    PROBE_SECONDS_DEFAULT,
    TTL_MINUTES_DEFAULT,
    DeviceSettings,
    LocatorSettings,
    MapServerSettings,
    SharedKey,
    VisitorSettings,
    XtrSettings,
)

XTR_ID_OCTETS: Final = 16
SITE_ID_OCTETS: Final = 8

_ENDPOINT: Final = EndpointText(CONTROL_PORT)
_DEVICE_NAME: Final = Text(
    "the name of a network device, at most 15 letters, digits, dots, dashes and underscores",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    limit=15,
)
_INTERFACE: Final = Text(
    "an address with its length, as in 198.18.1.1/24",
    pattern=r"[0-9A-Fa-f.:]+/[0-9]{1,3}",
)
_KEY_FIELDS: Final = (
    Field("key-id", Integer(0, 255), default=1),
    Field("algorithm", ALGORITHM, default="hmac-sha-256-128"),
    Field("secret-file", SecretFile(), to="secret"),
    Field("secret", SecretText()),
)


def _hex(octets: int) -> Text:
    return Text(f"{2 * octets} hexadecimal digits", pattern=f"[0-9A-Fa-f]{{{2 * octets}}}")


def _map_server(
    address: Endpoint, key_id: int, algorithm: str, secret: Secret
) -> MapServerSettings:
    return MapServerSettings(address, SharedKey(key_id, algorithm, secret))


def _visitor(
    *,
    prefix: EidPrefix,
    instance_id: int,
    map_server: Endpoint,
    key_id: int,
    algorithm: str,
    secret: Secret,
) -> VisitorSettings:
    eid = in_instance(prefix, instance_id)
    return VisitorSettings(eid, map_server, SharedKey(key_id, algorithm, secret))


LOCATOR: Final = Record(
    LocatorSettings,
    "a locator, as in {address: 192.0.2.62}",
    Field("address", IpAddress()),
    Field("priority", Integer(0, 255), default=1),
    Field("weight", Integer(0, 255), default=100),
    Field("local", Boolean(), default=True),
)

EID: Final = Record(
    in_instance,
    "an EID-Prefix, as in {prefix: 198.18.1.0/24}",
    Field("prefix", Prefix()),
    INSTANCE_ID,
)

MAP_SERVER: Final = Record(
    _map_server,
    "a Map-Server, as in {address: 192.0.2.11, secret-file: site-one.key}",
    Field("address", _ENDPOINT),
    *_KEY_FIELDS,
)

VISITOR: Final = Record(
    _visitor,
    "hosts of another site, as in {prefix: 198.18.2.0/24, map-server: 192.0.2.11, ...}",
    Field("prefix", Prefix()),
    INSTANCE_ID,
    Field("map-server", _ENDPOINT),
    *_KEY_FIELDS,
)

DEVICE: Final = Record(
    DeviceSettings,
    "a device, as in {name: lisp0, routes: [198.18.0.0/15]}",
    Field("name", _DEVICE_NAME),
    Field("instance-id", Integer(0, 0xFFFFFF), default=0),
    Field("namespace", NAME, default=None),
    Field("addresses", ListOf(_INTERFACE, name="addresses"), default=()),
    Field("routes", ListOf(Prefix(ip_only=True), name="prefixes"), default=()),
    Field("site-device", _DEVICE_NAME, default=None),
)


def _check(value: Value, found: dict[str, Any]) -> None:
    if not any(one.local for one in found["locators"]):
        value.at("locators").fault("none of them is local, so there is no address to send from")
    if found["eids"] and not found["map_servers"]:
        value.at("eids").fault("there is no Map-Server to register them with; add map-servers:")
    instances = [one.instance_id for one in found["devices"]]
    if len(set(instances)) < len(instances):
        value.at("devices").fault("two devices have one instance-ID; keep one of them")
    if found["subscribe"] is not None and found["xtr_id"] is None:
        value.at("subscribe").fault("subscribing takes an xTR-ID; add xtr-id:")


XTR: Final = Record[Any](
    dict,
    "the configuration of a tunnel router: keys with their values",
    Field("name", NAME),
    Field("state", FilePath()),
    Field("status-socket", FilePath()),
    Field("locators", ListOf(LOCATOR, name="locators", at_least=1)),
    Field("eids", ListOf(EID, name="EID-Prefixes"), default=()),
    Field("map-servers", ListOf(MAP_SERVER, name="Map-Servers"), default=()),
    Field("map-resolvers", ListOf(_ENDPOINT, name="addresses", at_least=1)),
    Field("visitors", ListOf(VISITOR, name="prefixes of visitors"), default=()),
    Field("devices", ListOf(DEVICE, name="devices"), default=()),
    Field("subscribe", Record(SharedKey, "a key of subscriptions", *_KEY_FIELDS), default=None),
    Field("xtr-id", _hex(XTR_ID_OCTETS), default=None),
    Field("site-id", _hex(SITE_ID_OCTETS), default="00" * SITE_ID_OCTETS),
    Field("proxy-reply", Boolean(), default=False),
    Field("merge", Boolean(), default=False),
    Field("ttl-minutes", Integer(1, 10_080), default=TTL_MINUTES_DEFAULT),
    Field("probe-interval", Duration(1, 3_600), PROBE_SECONDS_DEFAULT, to="probe_interval_seconds"),
    Field("path-mtu", Integer(1_280, 65_535), default=PATH_MTU_DEFAULT),
    Field("locator-status-bits", Boolean(), default=False),
    Field("pitr", Boolean(), default=False),
    Field("petr", Boolean(), default=False),
    Field("use-petr", ListOf(IpAddress(), name="addresses"), default=()),
    check=_check,
)


def load(path: Path) -> XtrSettings:
    """Read, check and default a configuration. Raises ConfigError with all its faults."""
    faults = Faults()
    settings = None
    with contextlib.suppress(FaultyError, TooManyFaultsError):
        settings = _load(path, faults)
    faults.raise_if_any()
    assert settings is not None, "reading gave up without a fault"
    return settings


def _load(path: Path, faults: Faults) -> XtrSettings:
    read = XTR.read(opened(path, path, faults))
    read["site_id"] = bytes.fromhex(read["site_id"])
    if read["xtr_id"] is not None:
        read["xtr_id"] = bytes.fromhex(read["xtr_id"])
    return XtrSettings(**read)
