"""The configuration of one ALT instance, checked and defaulted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Interface, IPv6Interface, ip_address
from typing import Final

from alt.delegation import Delegation
from alt.levels import FAMILIES, PILOT_PLAN, Level, LevelPlan
from alt.roles import Role
from mapsys.config.secret import Secret
from mapsys.eid import WIDTH_BITS, EidPrefix, Family

DEFAULT_HOLD_SECONDS: Final = 15
"""Over a tunnel nothing but the hold timer notices a dead path, so it is short."""
DEFAULT_MAX_PREFIX: Final = 10_000
"""Prefixes accepted from one neighbour; an aggregated ALT carries far fewer."""
DEFAULT_GRACEFUL_SECONDS: Final = 60
"""How long routes outlive a session that broke (RFC 4724, 3)."""
DEFAULT_HOLD_OFF_SECONDS: Final = 300
"""How long a neighbour stays away after max-prefix."""


class Export(Enum):
    """What a child gets: AGGREGATES of this level and above, a DEFAULT route, or all."""

    AGGREGATES = "aggregates"
    DEFAULT = "default"
    FULL = "full"


class AnnounceWhen(Enum):
    """When a block is announced (RFC 6836, 4.2: a matter of local policy)."""

    ALWAYS = "always"
    WHILE_PRESENT = "while-present"


class Backend(Enum):
    """Who carries the GRE packets."""

    AUTO = "auto"
    KERNEL = "kernel"
    USERSPACE = "userspace"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One GRE tunnel and the BGP session in it.

    remote, local: outer addresses; local None lets the system choose.
    key: GRE key, 0..2**32-1 (RFC 2890); (remote, key) is unique.
    inner, inner6: this end's addresses; the far end is the other one of the pair.
    neighbor: the far node's name, as delegations spell it.
    allow: bounds what the neighbour may announce further; empty allows all.
    max_prefix: prefixes accepted per neighbour. hold_seconds: 3..65535.
    md5: the TCP MD5 secret (RFC 2385). gtsm: whether TTL 255 is required (RFC 5082).
    mtu: of inner packets; None derives it. checksum, sequence: GRE options.
    """

    name: str
    remote: str
    role: Role
    peer_as: int
    neighbor: str
    key: int
    inner: IPv4Interface | None = None
    inner6: IPv6Interface | None = None
    local: str | None = None
    allow: tuple[EidPrefix, ...] = ()
    export: Export = Export.AGGREGATES
    max_prefix: int = DEFAULT_MAX_PREFIX
    hold_off_seconds: float = DEFAULT_HOLD_OFF_SECONDS
    hold_seconds: int = DEFAULT_HOLD_SECONDS
    graceful_seconds: int = DEFAULT_GRACEFUL_SECONDS
    md5: Secret | None = None
    gtsm: bool = False
    mtu: int | None = None
    checksum: bool = False
    sequence: bool = False

    @property
    def families(self) -> tuple[Family, ...]:
        """The families whose next hops the tunnel can carry."""
        return tuple(f for f in FAMILIES if self.interface(f) is not None)

    def interface(self, family: Family) -> IPv4Interface | IPv6Interface | None:
        """This end's address and prefix length in a family."""
        return self.inner if family is Family.IPV4 else self.inner6

    def own_address(self, family: Family) -> str:
        """This end's address; KeyError where the tunnel lacks the family."""
        interface = self.interface(family)
        if interface is None:
            raise KeyError(f"tunnel {self.name} has no {family.name} address")
        return str(interface.ip)

    def peer_address(self, family: Family) -> str:
        """The far end's address; KeyError where the tunnel lacks the family."""
        interface = self.interface(family)
        if interface is None:
            raise KeyError(f"tunnel {self.name} has no {family.name} address")
        return next(str(a) for a in interface.network.hosts() if a != interface.ip)

    def remote_as_eid(self, instance_id: int) -> EidPrefix:
        """The remote read as an EID: no prefix of the ALT may cover it."""
        ip = ip_address(self.remote)
        family = Family.IPV4 if ip.version == 4 else Family.IPV6
        return EidPrefix(instance_id, family, int(ip), WIDTH_BITS[family])

    @property
    def session_family(self) -> Family:
        """The family of the BGP session itself."""
        return self.families[0]


@dataclass(frozen=True, slots=True)
class AltConfig:
    """One ALT instance of one node.

    name: this node, as delegations spell it. router_id: an IPv4 address.
    blocks: announced by this node. backup_blocks: announced while their primary
    is gone. non_lisp: space inside the blocks that no LISP site uses.
    ibgp_mesh: the names of all nodes that share this node's AS; empty: it is alone.
    """

    name: str
    instance_id: int
    own_as: int
    router_id: str
    level: Level
    levels: LevelPlan = PILOT_PLAN
    blocks: tuple[EidPrefix, ...] = ()
    backup_blocks: tuple[EidPrefix, ...] = ()
    non_lisp: tuple[EidPrefix, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    ibgp_mesh: tuple[str, ...] = ()
    announce: AnnounceWhen = AnnounceWhen.ALWAYS
    backend: Backend = Backend.AUTO

    def longest(self, family: Family) -> int:
        """Bits of the longest prefix that leaves towards a parent or peer."""
        return self.levels.lengths(self.level, family).longest

    @property
    def siblings(self) -> tuple[str, ...]:
        """Names of the nodes that aggregate the same blocks."""
        return tuple(t.neighbor for t in self.tunnels if t.role is Role.SIBLING)
