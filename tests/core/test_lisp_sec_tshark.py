"""tshark, which knows nothing of this code, reads a protected conversation.

tshark 4.0 has no dissector for the authentication data: of an ECM with the S bit
it reads the first word alone, of a Map-Reply everything before that data.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from mapsys.core.effects import Send
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy, Wrapping
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.key_wrap import WrapKey
from tests.core.lisp_sec_xtrs import SecureEtr, SecureItr
from tests.core.world import ITR, Etr, World, of, record, site_one
from tests.programs import require_program
from tests.wire.pcap import write_pcap

FIELDS = (
    "lisp.type",
    "lisp.nonce",
    "lisp.ecm.flags.sec",
    "lisp.mrep.flags.sec",
    "lisp.mapping.eid.ipv4",
    "_ws.malformed",
)
EMPTY = dict.fromkeys(FIELDS, "")


def test_tshark_reads_both_messages_and_calls_neither_malformed(tmp_path: Path) -> None:
    tshark = require_program("tshark", "tshark")
    itr = SecureItr()
    world = World(
        sites=(site_one(lisp_sec=Wrapping(9, WrapKey(SecureEtr().secret))),),
        lisp_sec=LispSecSettings(itrs=Askers(Policy.ALLOWED, {1: WrapKey(itr.secret)})),
    )
    for nonce, rec, proxy in (
        (1, record("10.1.0.0/16", "192.0.2.1"), False),
        (2, record("10.1.7.0/24", "192.0.2.1"), True),
    ):
        world.register(Etr(nonces=iter([nonce])), rec, proxy_map_reply=proxy, security_capable=True)
    (to_etr,) = of(Send, world.hear(itr.asks("10.1.2.3", nonce=0xA1), ITR))
    (to_itr,) = of(Send, world.hear(itr.asks("10.1.7.1", nonce=0xA2), ITR))
    capture = tmp_path / "lisp-sec.pcap"
    write_pcap(
        capture,
        (build_ip_udp("192.0.2.10", "192.0.2.1", 4342, 4342, s.data) for s in (to_etr, to_itr)),
    )
    command = [tshark, "-n", "-r", str(capture), "-T", "fields", "-E", "aggregator=;"]
    for name in FIELDS:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    ecm, reply = (dict(zip(FIELDS, line.split("\t"), strict=True)) for line in lines)
    assert ecm == EMPTY | {"lisp.type": "8", "lisp.ecm.flags.sec": "1"}
    assert reply == EMPTY | {
        "lisp.type": "2",
        "lisp.nonce": "0x00000000000000a2",
        "lisp.mrep.flags.sec": "1",
        "lisp.mapping.eid.ipv4": "10.1.7.0",
    }
