"""What crossed the bridge: captured by tcpdump, read by tshark, an independent dissector."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from mapsys.lab.errors import LabError
from mapsys.lab.network import BRIDGE, Network
from mapsys.lab.programs import Running, program
from mapsys.lab.waiting import wait_for

TSHARK_SECONDS = 120.0


class Hop(NamedTuple):
    """A Map-Request in a GRE packet on its way between two nodes.

    source, destination: the outer header's. inner_source, inner_destination and
    ttl: the inner one's, as the packet left the node.
    """

    source: str
    destination: str
    key: int
    inner_source: str
    inner_destination: str
    ttl: int


class Capture:
    """GRE, control messages and encapsulated packets, from before the first packet on."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.path = folder / "bridge.pcap"
        log = folder / "tcpdump.log"
        command = [
            *(program("tcpdump"), "-i", BRIDGE, "-U", "--immediate-mode", "-Z", "root"),
            *("-w", str(self.path), "ip proto 47 or udp port 4342 or udp port 4341 or icmp"),
        ]
        self._tcpdump = Running(network.bridge, command, log)
        wait_for(lambda: b"listening on" in log.read_bytes(), "tcpdump to listen")

    def rows(self, condition: str, *fields: str) -> list[list[str]]:
        """The fields of each packet that a display filter lets through, in order.

        A field that occurs twice in a packet holds both, outer first, with a comma.
        """
        words = [word for field in fields for word in ("-e", field)]
        run = subprocess.run(
            [program("tshark"), "-r", str(self.path), "-Y", condition, "-T", "fields", *words],
            capture_output=True,
            text=True,
            timeout=TSHARK_SECONDS,
            check=False,
        )
        # A packet of which only half is in the file yet is no fault.
        if run.returncode and "cut short" not in run.stderr:
            raise LabError(f"tshark failed: {run.stderr.strip()}")
        return [line.split("\t") for line in run.stdout.splitlines()]

    def hops(self, nonce: int) -> list[Hop]:
        """The way of one Map-Request over the ALT."""
        rows = self.rows(
            f"gre && lisp.type == 1 && lisp.nonce == 0x{nonce:016x}",
            *("ip.src", "ip.dst", "gre.key", "ip.ttl"),
        )
        found = []
        for sources, destinations, key, ttls in rows:
            source, inner_source = sources.split(",")
            destination, inner_destination = destinations.split(",")
            ttl = int(ttls.split(",")[1])
            found.append(
                Hop(source, destination, int(key, 16), inner_source, inner_destination, ttl)
            )
        return found

    def updates(self, since: float) -> list[list[str]]:
        """Outer source, destination and key of each packet with a BGP UPDATE in it.

        since: seconds since 1970.
        """
        condition = f"gre && bgp.type == 2 && frame.time_epoch >= {since:.6f}"
        return self.rows(condition, "ip.src", "ip.dst", "gre.key")

    def notifications(self, since: float) -> list[tuple[float, str, str]]:
        """(Seconds after ``since``, outer source, "code/subcode") of each BGP NOTIFICATION."""
        rows = self.rows(
            f"gre && bgp.type == 3 && frame.time_epoch >= {since:.6f}",
            *("frame.time_epoch", "ip.src", "bgp.notify.major_error", "bgp.notify.minor_error"),
            "bgp.notify.minor_error_expired",
        )
        return [
            (float(at) - since, sources.split(",")[0], f"{code}/{minor or expired or 0}")
            for at, sources, code, minor, expired in rows
        ]

    def end(self) -> None:
        """Stop capturing."""
        self._tcpdump.end()
