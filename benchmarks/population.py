"""The registrations that every benchmark meets: who has them, the daemon's configuration, a state.

1,000 sites with a key and one xTR each, two locators a record; 60 % IPv4 and 40 % IPv6
hosts, a third of them in 1,000 instances beside the instance-ID 0. Site and host are
numbers, so that any number of registrations is made, and found again, without a list.
"""

from __future__ import annotations

import hashlib
import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from mapsys.core.details import HAS_XTR_ID, PROXY_MAP_REPLY, Details
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix, Family
from mapsys.engine_choice import choose, new_store
from mapsys.net.fold import fold_once
from mapsys.net.journal import Journal
from mapsys.store import Store
from mapsys.wire.address import ip_address
from mapsys.wire.auth import ALGORITHMS
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord

HOST: Final = "127.0.0.1"
SITES: Final = 1_000
FORWARDED_SITES: Final = 8
"""The first so many sites want their Map-Requests passed on; the others, answered."""

HOSTS_A_SITE: Final = 1 << 14
"""Numbers of hosts: 0 up to, but not including, this."""

NEVER_REGISTERED: Final = 14_000
"""Hosts from this number on are asked for and never registered."""

RECORDS_A_MESSAGE: Final = 20
MESSAGES_A_COMMIT: Final = 50
LIFETIME_SECONDS: Final = 86_400
RECORD_TTL_MINUTES: Final = 1440
KEY_ID: Final = 1
ALGORITHM_ID: Final = 2
SITE_ID: Final = bytes(8)

_IPV6_HOST_BITS: Final = 80
_PLENTY: Final = "1000000000/s burst 1000000000"


def eid_of(site: int, number: int) -> EidPrefix:
    """A site's host of this number; another one for each, in no order of addresses."""
    instance_id = site + 1 if (site + number) % 3 == 0 else 0
    if (site + number) % 5 < 3:
        # An odd multiplier visits each address of the /18 once.
        host = number * 2_655 % HOSTS_A_SITE
        return EidPrefix(instance_id, Family.IPV4, 10 << 24 | site << 14 | host, 32)
    host = (number + 1) * 0x9E37_79B9_7F4A_7C15_F39D % (1 << _IPV6_HOST_BITS)
    network = 0x20010DB8 << 96 | site << _IPV6_HOST_BITS | host
    return EidPrefix(instance_id, Family.IPV6, network, 128)


def registered(count: int) -> Iterator[tuple[int, range]]:
    """(site, its hosts) of each Map-Register that makes so many, the sites in turn."""
    most = -(-count // SITES)
    for first in range(0, most, RECORDS_A_MESSAGE):
        for site in range(SITES):
            own = count // SITES + (site < count % SITES)
            numbers = range(first, min(first + RECORDS_A_MESSAGE, own))
            if numbers:
                yield site, numbers


def locator_hosts(site: int) -> tuple[str, str]:
    """The site's two locators, the preferred one first: addresses of this machine."""
    return f"127.88.{site >> 8}.{site & 255}", f"127.89.{site >> 8}.{site & 255}"


def rlocs_of(site: int, weight: int = 50) -> tuple[RlocRecord, ...]:
    """The site's locators, as they stand in a record."""
    return tuple(
        RlocRecord(ip_address(host), priority, weight, 255, 0)
        for priority, host in enumerate(locator_hosts(site), start=1)
    )


def record_of(site: int, number: int, rlocs: tuple[RlocRecord, ...]) -> EidRecord:
    """What a site registers for one of its hosts."""
    return EidRecord(RECORD_TTL_MINUTES, *from_eid_prefix(eid_of(site, number)), rlocs)


def secret_of(site: int) -> bytes:
    """The site's own secret, 32 octets of text."""
    return hashlib.sha256(b"benchmark secret %d" % site).hexdigest()[:32].encode()


def xtr_id_of(site: int) -> bytes:
    """The xTR-ID of the site's one xTR, 16 octets."""
    return hashlib.sha256(b"benchmark xTR %d" % site).digest()[:16]


def configuration(folder: Path, port: int, engine: str = "auto", *, limits: bool = True) -> Path:
    """A Map-Server and Map-Resolver whose sites may register what :func:`eid_of` gives.

    All budgets are asked with every message, and are so large that they refuse none: a
    generator has one address, and sends what otherwise comes from thousands. That
    address is a trusted requester for the same reason. limits: False switches them off.
    """
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    lines = [
        "node: benchmark",
        f"engine: {engine}",
        f"state: {folder / 'state'}",
        f'control: {{listen: ["{HOST}:{port}"], trusted-requesters: [{HOST}/32]}}',
        f'http: {{listen: "{HOST}:{_free_tcp_port()}"}}',
        "map-resolver: {}",
        "map-server:",
        "  proxy-reply: always",
        "  more-specifics: {total: 100000000, octets: 64GiB}",
        *(_budgets() if limits else ["  rate-limits: off"]),
        "sites:",
    ]
    for site in range(SITES):
        secret = secrets / f"{site}.key"
        secret.touch(mode=0o600)
        secret.write_bytes(secret_of(site))
        names = ", ".join(algorithm.name for algorithm in ALGORITHMS.values())
        lines += [
            f"  - name: site-{site}",
            f"    keys: [{{id: {KEY_ID}, algorithms: [{names}], secret-file: secrets/{site}.key}}]",
            "    rlocs: any",
            "    notify-port: source",
            *(["    proxy-reply: never"] if site < FORWARDED_SITES else []),
            "    eids:",
        ]
        ipv4 = f"10.{site >> 2}.{(site & 3) << 6}.0/18"
        ipv6 = f"2001:db8:{site:x}::/48"
        for prefix, instance_id in itertools.product((ipv4, ipv6), (0, site + 1)):
            lines.append(
                f'      - {{prefix: "{prefix}", instance-id: {instance_id},'
                " accept-more-specifics: true, more-specifics-limit: 100000}"
            )
    path = folder / "mapsys.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _free_tcp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind((HOST, 0))
        return int(held.getsockname()[1])


def _budgets() -> list[str]:
    names = (
        "requests-per-source",
        "requests-per-network",
        "replies-per-destination",
        "replies-per-network",
        "replies-per-prefix",
        "registers-per-site",
        "unproven-registers-per-source",
        "unproven-registers-per-network",
    )
    return ["  rate-limits:", *(f"    {name}: {_PLENTY}" for name in names)]


def register(store: Store, site: int, numbers: range, until: float) -> None:
    """What a Map-Register with these hosts of a site leaves in a store."""
    rlocs = rlocs_of(site)
    details = Details(
        site=f"site-{site}",
        key_id=KEY_ID,
        algorithm_id=ALGORITHM_ID,
        mac_length=ALGORITHMS[ALGORITHM_ID].mac_lengths[0],
        flags=PROXY_MAP_REPLY | HAS_XTR_ID,
        lifetime_seconds=LIFETIME_SECONDS,
        first_registered=1_800_000_000 + numbers.start,
        source=Endpoint(locator_hosts(site)[0], 4342),
        local=Endpoint(HOST, 4342),
        site_id=SITE_ID,
    ).pack()
    digest = hashlib.sha256(b"%d %d" % (site, numbers.start)).digest()[:16]
    registrant = xtr_id_of(site)
    for number in numbers:
        record = record_of(site, number, rlocs).octets()
        store.put(
            eid_of(site, number),
            registrant,
            record=record,
            details=details,
            digest=digest,
            deadline=until,
            published=record,
        )


def fill(store: Store, count: int, until: float) -> Iterator[bytes]:
    """Register so many, and give what the journal would be given at each of its commits."""
    for index, (site, numbers) in enumerate(registered(count), start=1):
        register(store, site, numbers, until)
        if index % MESSAGES_A_COMMIT == 0:
            yield store.take_changes()[1]
    yield store.take_changes()[1]


def make_state(folder: Path, count: int) -> None:
    """Have the journal and the folding make the state of so many registrations."""
    folder.mkdir(mode=0o700)
    now = time.monotonic()
    with closing(Journal.open(folder, now=now, wall=time.time())) as journal:
        for changes in fill(new_store(choose("auto")), count, now + LIFETIME_SECONDS):
            journal.commit(changes, now=now, wall=time.time())
        fold_once(folder)
        # Folded rows are trimmed along with later commits.
        journal.commit(b"", now=now, wall=time.time())
