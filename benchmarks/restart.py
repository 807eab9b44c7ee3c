"""How long a restart takes: ``python -m benchmarks.restart [COUNT] [native|pure ...]``.

Makes a state folder that holds so many registrations, by way of the journal and the
folding process's own code, and starts the real daemon on it, once for each engine.
Prints the time from the start of the process to the first right Map-Reply, and the
processor time the daemon had used by then: on a machine that has other work to do
the first says little. COUNT: at most 1,000,000, default 100,000.

1,000 sites with one xTR each, 20 records a Map-Register, two locators a record; 60 %
IPv4 and 40 % IPv6 hosts, a third of them in 1,000 instances.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks import processes
from mapsys.core.details import Details
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix, Family
from mapsys.engine_choice import ENGINE_VARIABLE, choose, new_store
from mapsys.net.fold import fold_once
from mapsys.net.journal import Journal
from mapsys.store import Store
from mapsys.wire.address import Ipv4, NoAddress, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord

DEFAULT_COUNT: Final = 100_000
MAXIMUM_COUNT: Final = 1_000_000
SITES: Final = 1_000
RECORDS_A_MESSAGE: Final = 20
MESSAGES_A_COMMIT: Final = 50
LIFETIME_SECONDS: Final = 86_400
PATIENCE_SECONDS: Final = 600.0
"""How long a daemon may take until it answers."""

ASK_AGAIN_SECONDS: Final = 0.02
_SECRET: Final = "benchmark"


def eid_of(site: int, number: int) -> EidPrefix:
    """A site's host of this number, 0..9,999."""
    instance_id = site + 1 if number % 3 == 0 else 0
    if number % 5 < 3:
        # An odd multiplier visits each address of the /18 once, in no order.
        return EidPrefix(
            instance_id, Family.IPV4, 10 << 24 | site << 14 | number * 2_655 % 2**14, 32
        )
    host = random.Random(number).getrandbits(80)
    return EidPrefix(instance_id, Family.IPV6, 0x20010DB8 << 96 | site << 80 | host, 128)


def configuration(folder: Path, port: int) -> Path:
    """A Map-Server and Map-Resolver whose sites may register what :func:`eid_of` gives."""
    secret = folder / "site.key"
    secret.write_text(_SECRET, encoding="ascii")
    secret.chmod(0o600)
    lines = [
        "node: benchmark",
        f"state: {folder / 'state'}",
        f'control: {{listen: ["{processes.HOST}:{port}"]}}',
        "map-server: {proxy-reply: always, rate-limits: off}",
        "map-resolver: {}",
        "sites:",
    ]
    for site in range(SITES):
        lines += [
            f"  - name: site-{site}",
            f"    keys: [{{id: 1, algorithm: hmac-sha-256-128, secret-file: {secret.name}}}]",
            "    rlocs: any",
            "    eids:",
        ]
        ipv4 = f"10.{site >> 2}.{(site & 3) << 6}.0/18"
        ipv6 = f"2001:db8:{site:x}::/48"
        for prefix, instance_id in itertools.product((ipv4, ipv6), (0, site + 1)):
            lines.append(
                f'      - {{prefix: "{prefix}", instance-id: {instance_id},'
                " accept-more-specifics: true, more-specifics-limit: 10000}"
            )
    path = folder / "mapsys.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def register(store: Store, site: int, numbers: range, until: float) -> None:
    """What a Map-Register with these hosts of a site leaves in a store."""
    marker = random.Random(numbers.start * SITES + site)
    hosts = [f"192.{2 * site // 256}.{2 * site % 256}.{host}" for host in (1, 2)]
    rlocs = tuple(RlocRecord(ip_address(host), 1, 50, 255, 0) for host in hosts)
    details = Details(
        site=f"site-{site}",
        key_id=1,
        algorithm_id=2,
        mac_length=16,
        flags=0x11,
        lifetime_seconds=LIFETIME_SECONDS,
        first_registered=1_800_000_000 + numbers.start,
        source=Endpoint(hosts[0], 4342),
        local=Endpoint(f"{processes.HOST}", 4342),
        site_id=bytes(8),
    ).pack()
    digest = marker.randbytes(16)
    for number in numbers:
        eid = eid_of(site, number)
        record = EidRecord(1440, *from_eid_prefix(eid), rlocs).octets()
        store.put(
            eid,
            random.Random(site).randbytes(16),
            record=record,
            details=details,
            digest=digest,
            deadline=until,
            published=record,
        )


def messages(count: int) -> Iterator[tuple[int, range]]:
    """(site, its hosts) of each Map-Register, the sites in turn."""
    for first in itertools.count(0, RECORDS_A_MESSAGE):
        for site in range(SITES):
            numbers = range(first, first + min(RECORDS_A_MESSAGE, count))
            yield site, numbers
            count -= len(numbers)
            if count == 0:
                return


def make_state(folder: Path, count: int) -> None:
    """Have the journal and the folding make the state of so many registrations."""
    folder.mkdir(mode=0o700)
    now = time.monotonic()
    store = new_store(choose("auto"))
    with closing(Journal.open(folder, now=now, wall=time.time())) as journal:
        for index, (site, numbers) in enumerate(messages(count), start=1):
            register(store, site, numbers, now + LIFETIME_SECONDS)
            if index % MESSAGES_A_COMMIT == 0:
                journal.commit(store.take_changes()[1], now=now, wall=time.time())
        journal.commit(store.take_changes()[1], now=now, wall=time.time())
        fold_once(folder)
        # Folded rows are trimmed along with later commits.
        journal.commit(b"", now=now, wall=time.time())


def question(eid: EidPrefix, nonce: int, port: int) -> bytes:
    """An encapsulated Map-Request, its answer to come to a port on loopback."""
    address, mask_len = from_eid_prefix(eid)
    request = MapRequest(
        nonce=nonce,
        source_eid=NoAddress(),
        itr_rlocs=(Ipv4(socket.inet_aton(processes.HOST)),),
        records=(MapRequestRecord(address, mask_len),),
    )
    inner = build_ip_udp(processes.HOST, "10.0.0.1", port, 4342, request.octets())
    return Ecm(inner=inner).octets()


def await_right_answer(process: subprocess.Popen[bytes], port: int) -> None:
    """Ask for one registered EID until its mapping is the answer. Raises SystemExit."""
    eid = eid_of(1, 1)
    until = time.monotonic() + PATIENCE_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind((processes.HOST, 0))
        asker.settimeout(ASK_AGAIN_SECONDS)
        asked = question(eid, 1, asker.getsockname()[1])
        while process.poll() is None and time.monotonic() < until:
            asker.sendto(asked, (processes.HOST, port))
            try:
                reply = decode(asker.recv(65_535))
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(ASK_AGAIN_SECONDS)
                continue
            if isinstance(reply, MapReply) and [
                (record.eid_prefix, len(record.rlocs)) for record in reply.records
            ] == [(eid, 2)]:
                return
            raise SystemExit(f"the answer is wrong: {reply}")
    raise SystemExit("the daemon ended or did not answer in time")


def restart(folder: Path, config: Path, port: int, engine: str) -> str:
    """Start the daemon on a copy of the state, and say how long it took."""
    shutil.copytree(folder / "made", folder / "state")
    command = [str(Path(sys.executable).with_name("mapsys")), "run", "-c", str(config)]
    with (folder / "mapsys.log").open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {ENGINE_VARIABLE: engine},
        )
        try:
            await_right_answer(process, port)
            took = time.monotonic() - began
            used = processes.Server(process, port).cpu_seconds()
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            shutil.rmtree(folder / "state")
    return f"{engine}: first right answer after {took:.2f} s; {used:.2f} s of processor time"


def main() -> int:
    """Exit code 0, or 2 where an argument is not as above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restart")
    parser.add_argument("count", type=int, nargs="?", default=DEFAULT_COUNT)
    parser.add_argument("engines", choices=("native", "pure"), nargs="*")
    arguments = parser.parse_args()
    if not 1 <= arguments.count <= MAXIMUM_COUNT:
        parser.error(f"COUNT is {arguments.count}; give 1 to {MAXIMUM_COUNT}")
    with tempfile.TemporaryDirectory(prefix="mapsys-restart-") as name:
        folder = Path(name)
        (port,) = processes.free_udp_ports(1)
        config = configuration(folder, port)
        make_state(folder / "made", arguments.count)
        for engine in arguments.engines or ("native", "pure"):
            print(f"{arguments.count} registrations, {restart(folder, config, port, engine)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
