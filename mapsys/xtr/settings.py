"""What a tunnel router is told: read by ``schema``, used by ``router`` and ``runner``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from mapsys.config.secret import Secret
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lig import CONTROL_PORT
from mapsys.wire.address import ip_address
from mapsys.wire.auth import ALGORITHM_IDS
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord

TTL_MINUTES_DEFAULT: Final = 1_440
PROBE_SECONDS_DEFAULT: Final = 10
PATH_MTU_DEFAULT: Final = 1_500
"""L of RFC 9300, 7.1."""

MULTICAST_PRIORITY: Final = 255
"""Locators here are not for multicast."""


@dataclass(frozen=True, slots=True)
class LocatorSettings:
    """A locator of the site. local: an address of this very router, which it sends from."""

    address: str
    priority: int
    weight: int
    local: bool

    def rloc_record(self) -> RlocRecord:
        """As it is registered and answered."""
        rloc = ip_address(self.address)
        return RlocRecord(rloc, self.priority, self.weight, MULTICAST_PRIORITY, 0)


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A secret shared with a server. algorithm: a name of ``wire.auth``."""

    key_id: int
    algorithm: str
    secret: Secret

    @property
    def algorithm_id(self) -> int:
        """As on the wire."""
        return ALGORITHM_IDS[self.algorithm]


@dataclass(frozen=True, slots=True)
class MapServerSettings:
    """A Map-Server that the site's EID-Prefixes are registered with."""

    address: Endpoint
    key: SharedKey


@dataclass(frozen=True, slots=True)
class VisitorSettings:
    """Hosts of another site that are taken in here, and how they are registered."""

    prefix: EidPrefix
    map_server: Endpoint
    key: SharedKey


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """A TUN device: what is sent into it is encapsulated, what was decapsulated comes out.

    namespace: the network namespace it is put into, by name; None is the one that the
    router runs in. addresses: with their lengths. routes: prefixes that lead into it.
    site_device: where hosts of the site are; host routes of visitors lead there.
    """

    name: str
    instance_id: int
    namespace: str | None
    addresses: tuple[str, ...]
    routes: tuple[EidPrefix, ...]
    site_device: str | None


@dataclass(frozen=True)
class XtrSettings:
    """One tunnel router.

    subscribe: the key of PubSub publications; None asks with plain Map-Requests.
    proxy_reply, merge: P and a bits of Map-Registers. use_petr: where packets go that
    would be forwarded natively; none are then. status_socket: where it says how it is.
    """

    name: str
    state: Path
    status_socket: Path
    locators: tuple[LocatorSettings, ...]
    eids: tuple[EidPrefix, ...]
    map_servers: tuple[MapServerSettings, ...]
    map_resolvers: tuple[Endpoint, ...]
    visitors: tuple[VisitorSettings, ...]
    devices: tuple[DeviceSettings, ...]
    subscribe: SharedKey | None
    xtr_id: bytes | None
    site_id: bytes
    proxy_reply: bool
    merge: bool
    ttl_minutes: int
    probe_interval_seconds: int
    path_mtu: int
    locator_status_bits: bool
    pitr: bool
    petr: bool
    use_petr: tuple[str, ...]

    @cached_property
    def local_hosts(self) -> tuple[str, ...]:
        """Own addresses, in file order."""
        return tuple(one.address for one in self.locators if one.local)

    @cached_property
    def rloc_records(self) -> tuple[RlocRecord, ...]:
        """The site's locators in the order of RFC 9301, 5.5: IPv4 before IPv6, ascending."""
        records = [one.rloc_record() for one in self.locators]
        return tuple(sorted(records, key=_wire_order))

    def record(self, eid: EidPrefix) -> EidRecord:
        """A prefix with the site's locators."""
        address, mask_len = from_eid_prefix(eid)
        return EidRecord(self.ttl_minutes, address, mask_len, self.rloc_records)

    def local_host_of(self, destination: str) -> str | None:
        """The own address that packets to a locator leave from; None: none of its version."""
        for host in self.local_hosts:
            if (":" in host) == (":" in destination):
                return host
        return None


def control_endpoint(host: str) -> Endpoint:
    """Where a router or server takes control messages."""
    return Endpoint(host, CONTROL_PORT)


def _wire_order(record: RlocRecord) -> tuple[int, bytes]:
    packed: bytes = getattr(record.rloc, "packed", b"")
    return len(packed), packed
