"""The ``alt:`` section: one entry per instance-ID, read into AltConfig with its plan checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any, Final, TypeVar

from alt.delegation import Delegation
from alt.levels import PILOT_PLAN, Lengths, Level, LevelLengths, LevelPlan
from alt.model import (
    DEFAULT_GRACEFUL_SECONDS,
    DEFAULT_HOLD_OFF_SECONDS,
    DEFAULT_HOLD_SECONDS,
    DEFAULT_MAX_PREFIX,
    AltConfig,
    AnnounceWhen,
    Backend,
    Export,
    Tunnel,
)
from alt.plan import Finding, findings
from alt.roles import Role
from mapsys.config.blocks import INSTANCE_ID, in_instance
from mapsys.config.faults import Fault
from mapsys.config.scalars import (
    Boolean,
    Choice,
    Duration,
    Integer,
    IpAddress,
    Prefix,
    ScalarKind,
    Text,
)
from mapsys.config.schema import Field, Kind, ListOf, Plain, Record, Single, Value
from mapsys.config.secret import SecretFile, SecretText
from mapsys.eid import EidPrefix

E = TypeVar("E", bound=Enum)

AS_HIGHEST: Final = 4_294_967_294
"""RFC 6793; the highest number is reserved (RFC 7300)."""


class Word(ScalarKind[E]):
    """One member of an enumeration, by its value."""

    def __init__(self, *members: E) -> None:
        self._of = {str(member.value): member for member in members}
        self._choice = Choice(*self._of)
        self.words = self._choice.words
        self.expects = self._choice.expects

    def parse(self, text: str) -> E:
        return self._of[self._choice.parse(text)]

    def write(self, setting: E) -> Plain | None:
        return str(setting.value)


class Day(ScalarKind[date]):
    """A day in UTC."""

    expects = "a day such as 2027-01-31"

    def parse(self, text: str) -> date:
        try:
            return datetime.strptime(text, "%Y-%m-%d").date()
        except ValueError:
            raise ValueError(f"is not {self.expects}") from None


class RouterId(ScalarKind[str]):
    """A BGP identifier (RFC 6286): any 32 bits but zero, written as an IPv4 address."""

    expects = "an IPv4 address such as 10.254.0.11"

    def parse(self, text: str) -> str:
        try:
            address = IPv4Address(text)
        except ValueError:
            raise ValueError(f"is not {self.expects}") from None
        if not int(address):
            raise ValueError("is zero, which no router may have")
        return str(address)


class LengthRange(ScalarKind[Lengths]):
    """Prefix lengths: one number, or the shortest and the longest."""

    def __init__(self, width_bits: int) -> None:
        self._length = Integer(1, width_bits - 1)
        self.expects = f"prefix lengths such as 24-28, within 1 to {width_bits - 1}"

    def parse(self, text: str) -> Lengths:
        shortest, dash, longest = text.partition("-")
        try:
            lengths = Lengths(
                self._length.parse(shortest), self._length.parse(longest if dash else shortest)
            )
        except ValueError:
            raise ValueError(f"is not {self.expects}") from None
        if lengths.shortest > lengths.longest:
            raise ValueError("has the longer length first")
        return lengths

    def write(self, setting: Lengths) -> Plain | None:
        if setting.shortest == setting.longest:
            return str(setting.shortest)
        return f"{setting.shortest}-{setting.longest}"


class InnerAddress(ScalarKind[Any]):
    """This end of the tunnel, in a network of two hosts: the other one is the far end."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._lengths = (30, 31) if version == 4 else (127,)
        example = "10.255.0.13/31" if version == 4 else "fd00:a17::d/127"
        self.expects = f"an IPv{version} address in a network of two, such as {example}"

    def parse(self, text: str) -> IPv4Interface | IPv6Interface:
        try:
            interface = ip_interface(text)
        except ValueError:
            raise ValueError(f"is not {self.expects}") from None
        network = interface.network
        if interface.version != self._version or network.prefixlen not in self._lengths:
            raise ValueError(f"is not {self.expects}")
        if interface.ip not in set(network.hosts()):
            raise ValueError(f"is not a host of {network}")
        return interface


NAME: Final = Text(
    "a name of letters, digits, dots, dashes and underscores",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    limit=63,
)
NAMES: Final = ListOf(NAME, name="names")
PREFIXES: Final = ListOf(Prefix(ip_only=True), name="EID-Prefixes")

DELEGATION: Final = Record(
    Delegation,
    "a delegation, as in {block: 198.18.0.0/21, level: msp, holder: mspa, provider: arin}",
    Field("block", Prefix(ip_only=True)),
    Field("level", Word(Level.REGION, Level.MSP, Level.SITE)),
    Field("holder", NAME),
    Field("provider", Single(NAME), default=(), to="providers"),
    Field("providers", NAMES),
    Field("valid-from", Day(), default=None),
    Field("valid-until", Day(), default=None),
    Field("lineage", NAMES, default=()),
    Field("exceptions", Integer(0, 1_000), default=0, to="exception_cap"),
)


def _tunnel(*, neighbor: str | None, key: int | None, **settings: Any) -> Tunnel:
    return Tunnel(
        neighbor=neighbor or settings["name"],
        key=_UNSET_KEY if key is None else key,
        **settings,
    )


_UNSET_KEY: Final = -1
"""Stands for the instance-ID until that is known."""


_MD5_SECRET: Final = re.compile(rb"[!#-&(-:<-Z^-z|~]{1,80}")
"""What ExaBGP's file can hold and TCP MD5 can use (at most 80 octets)."""


def _check_tunnel(value: Value, tunnel: Tunnel) -> None:
    if not tunnel.families:
        value.fault("the tunnel has no address of its own; give inner: or inner6: or both")
    if tunnel.md5 is not None and not _MD5_SECRET.fullmatch(tunnel.md5.reveal()):
        value.at("md5-secret" if tunnel.md5.file is None else "md5-secret-file").fault(
            "the secret has to be 1 to 80 printable ASCII characters without blanks,"
            " quotes, backslashes, braces and semicolons"
        )
    outer = ip_address(tunnel.remote)
    if tunnel.local is not None and ip_address(tunnel.local).version != outer.version:
        value.at("local").fault(f"is not of the family of remote: {tunnel.remote}")


TUNNEL: Final = Record(
    _tunnel,
    "a tunnel, as in {name: arin, remote: 192.0.2.1, inner: 10.255.0.13/31, role: parent,"
    " peer-as: 65101}",
    Field("name", NAME),
    Field("remote", IpAddress()),
    Field("local", IpAddress(), default=None),
    Field("key", Integer(0, 0xFFFFFFFF), default=None),
    Field("inner", InnerAddress(4), default=None),
    Field("inner6", InnerAddress(6), default=None),
    Field("role", Word(Role.PARENT, Role.BACKUP, Role.CHILD, Role.PEER, Role.SIBLING)),
    Field("peer-as", Integer(1, AS_HIGHEST)),
    Field("neighbor", NAME, default=None),
    Field("allow", PREFIXES, default=()),
    Field("export", Word(*Export), default=Export.AGGREGATES),
    Field("max-prefix", Integer(1, 10_000_000), default=DEFAULT_MAX_PREFIX),
    Field("hold-off", Duration(1, 86_400), default=DEFAULT_HOLD_OFF_SECONDS, to="hold_off_seconds"),
    Field("hold-time", Duration(3, 65_535), default=DEFAULT_HOLD_SECONDS, to="hold_seconds"),
    Field(
        "graceful-restart",
        Duration(0, 4_095),
        default=DEFAULT_GRACEFUL_SECONDS,
        to="graceful_seconds",
    ),
    Field("md5-secret-file", SecretFile(), default=None, to="md5"),
    Field("md5-secret", SecretText(), to="md5"),
    Field("gtsm", Boolean(), default=False),
    Field("mtu", Integer(1_280, 65_535), default=None),
    Field("checksum", Boolean(), default=False),
    Field("sequence", Boolean(), default=False),
    check=_check_tunnel,
)


def _lengths(level: LevelLengths) -> Record[LevelLengths]:
    return Record(
        LevelLengths,
        "lengths, as in {ipv4: 24-28, ipv6: 48-64}",
        Field("ipv4", LengthRange(32), default=level.ipv4),
        Field("ipv6", LengthRange(128), default=level.ipv6),
    )


LEVELS: Final = Record(
    LevelPlan,
    "levels with their lengths, as in {region: {ipv4: 19, ipv6: 38}}",
    Field("region", _lengths(PILOT_PLAN.region), default=PILOT_PLAN.region),
    Field("msp", _lengths(PILOT_PLAN.msp), default=PILOT_PLAN.msp),
    Field("site", _lengths(PILOT_PLAN.site), default=PILOT_PLAN.site),
)


def _instance(
    *,
    instance_id: int,
    name: str | None,
    delegations: tuple[Delegation, ...],
    tunnels: tuple[Tunnel, ...],
    **settings: Any,
) -> AltConfig:
    """Puts every prefix into the instance, and gives tunnels without a key its number."""
    for key in ("blocks", "backup_blocks", "non_lisp"):
        settings[key] = _in_instance(settings[key], instance_id)
    return AltConfig(
        name=name or "",
        instance_id=instance_id,
        delegations=tuple(replace(d, block=in_instance(d.block, instance_id)) for d in delegations),
        tunnels=tuple(
            replace(
                t,
                key=instance_id if t.key == _UNSET_KEY else t.key,
                allow=_in_instance(t.allow, instance_id),
            )
            for t in tunnels
        ),
        **settings,
    )


def _in_instance(prefixes: tuple[EidPrefix, ...], instance_id: int) -> tuple[EidPrefix, ...]:
    return tuple(in_instance(prefix, instance_id) for prefix in prefixes)


_RECORD: Final = Record(
    _instance,
    "an ALT instance with as, router-id, level and tunnels",
    Field("name", NAME, default=None),
    INSTANCE_ID,
    Field("as", Integer(1, AS_HIGHEST), to="own_as"),
    Field("router-id", RouterId()),
    Field("level", Word(*Level)),
    Field("levels", LEVELS, default=PILOT_PLAN),
    Field("blocks", PREFIXES, default=()),
    Field("backup-blocks", PREFIXES, default=()),
    Field("non-lisp", PREFIXES, default=()),
    Field("delegations", ListOf(DELEGATION, name="delegations"), default=()),
    Field("tunnels", ListOf(TUNNEL, name="tunnels"), default=()),
    Field("ibgp-mesh", NAMES, default=()),
    Field("announce", Word(*AnnounceWhen), default=AnnounceWhen.ALWAYS),
    Field("backend", Word(*Backend), default=Backend.AUTO),
)


class Instance(Kind[AltConfig]):
    """One entry of the section; its name is the node's own unless it says otherwise."""

    record = _RECORD
    expects = _RECORD.expects

    def __init__(self, today: Callable[[], date]) -> None:
        self._today = today

    def read(self, value: Value) -> AltConfig:
        config = _RECORD.read(value)
        if not config.name:
            config = replace(config, name=_node_name(value))
        for finding in findings(config, self._today()):
            if finding.is_error:
                value.at(*finding.steps).fault(finding.message)
        return config

    def write(self, setting: AltConfig) -> Plain | None:
        return _RECORD.write(setting)

    def form(self) -> Kind[Any]:
        return _RECORD


def _node_name(value: Value) -> str:
    """What ``node:`` says at the top of the file."""
    while value.parent is not None:
        value = value.parent
    return value.at("node").text(NAME.expects)


def _today() -> date:
    return datetime.now(UTC).date()


class Instances(ListOf[AltConfig]):
    """The section; an instance-ID is that of one entry only, and so is the far end of a tunnel."""

    def read(self, value: Value) -> tuple[AltConfig, ...]:
        instances = super().read(value)
        seen: set[int] = set()
        for number, config in enumerate(instances):
            if config.instance_id in seen:
                value.at(number, "instance-id").fault(
                    f"two entries are of instance-ID {config.instance_id}; give each its own"
                )
            seen.add(config.instance_id)
        _check_ends(value, instances)
        return instances


def _check_ends(value: Value, instances: tuple[AltConfig, ...]) -> None:
    """All instances share the underlay: what comes from it belongs to one tunnel of one of them."""
    owners: dict[tuple[str, int], int] = {}
    for number, config in enumerate(instances):
        for place, tunnel in enumerate(config.tunnels):
            owner = owners.setdefault((tunnel.remote, tunnel.key), number)
            if owner != number:
                value.at(number, "tunnels", place, "remote").fault(
                    f"instance-ID {instances[owner].instance_id} has a tunnel to {tunnel.remote}"
                    f" with key {tunnel.key} as well; give one of them another key"
                )


ALT: Final = Instances(Instance(_today), at_least=1, name="ALT instances")
"""The section's kind, for the schema of the whole configuration."""


def read_alt(section: Value) -> tuple[AltConfig, ...]:
    """The instances in file order. Raises FaultyError once every fault is noted."""
    return ALT.read(section)


def warnings(section: Value, instances: tuple[AltConfig, ...]) -> list[Fault]:
    """What the plan check finds odd but not wrong, with where it stands."""
    noted = []
    for number, config in enumerate(instances):
        for finding in findings(config, _today()):
            if not finding.is_error:
                noted.append(_as_fault(section.at(number, *finding.steps), finding))
    return noted


def _as_fault(value: Value, finding: Finding) -> Fault:
    return Fault(value.origin.file, value.node.line, value.node.column, value.path, finding.message)
