"""A real daemon in a process of its own, and a tiny xTR to talk to it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord

PATIENCE_SECONDS = 60.0
SECRET = "a laboratory secret"
KEY = Key(SECRET.encode())

CONFIG = """\
node: test.example
state: {state}
control: {{listen: [{listen}]}}
authority: [{{prefix: 198.18.0.0/16}}]
map-server: {{rate-limits: off}}
map-resolver: {{}}
sites:
"""

SITE = """\
  - name: {name}
    keys: [{{id: 1, algorithm: hmac-sha-256-128, secret: {secret}}}]
    eids: [{{prefix: {prefix}, accept-more-specifics: true}}]
    notify-port: source
"""


def free_port(host: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nothing is bound to just now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def config_text(
    state: Path,
    listen: tuple[Endpoint, ...],
    sites: tuple[tuple[str, str], ...] = (("site-one", "198.18.1.0/24"),),
) -> str:
    """A configuration. sites: (name, EID-Prefix) of each."""
    quoted = ", ".join(f'"{address}"' for address in listen)
    return CONFIG.format(state=state, listen=quoted) + "".join(
        SITE.format(name=name, prefix=prefix, secret=SECRET) for name, prefix in sites
    )


class Running(Protocol):
    """What is asked of the daemon's process."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, number: signal.Signals, /) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class Node:
    """A daemon over one configuration file; started as often as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "mapsys.yaml"
        self.address = Endpoint("127.0.0.1", free_port())
        self.process: Running | None = None
        self.environment: dict[str, str] = {}
        self._log = folder / "log"
        self._starts = 0
        self.configure()

    def configure(
        self,
        *,
        also_listen: tuple[Endpoint, ...] = (),
        sites: tuple[tuple[str, str], ...] = (("site-one", "198.18.1.0/24"),),
    ) -> None:
        """Write the configuration file."""
        text = config_text(self.state, (self.address, *also_listen), sites)
        self.config.write_text(text, encoding="utf-8")

    def launch(self, *options: str) -> Running:
        """Start the process without waiting for anything."""
        self._starts += 1
        self._log = self.folder / f"log-{self._starts}"
        self.process = self.new_process(*options)
        return self.process

    def new_process(self, *options: str) -> Running:
        """A process that has just begun, and writes to this start's log."""
        command = [sys.executable, "-m", "mapsys.cli.main", "run", "-c", str(self.config)]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.launch()
        self.wait_for("ready")

    def fails_to_start(self, *options: str) -> tuple[int, str]:
        """Exit code and everything it said."""
        code = self.launch(*options).wait(PATIENCE_SECONDS)
        self.process = None
        return code, self.said()

    def stop(self) -> int:
        """Ask it to end; returns the exit code."""
        return self.end_by(signal.SIGTERM)

    def end_by(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self.process = None
        return code

    def reload(self) -> list[dict[str, Any]]:
        """SIGHUP; returns the lines it logged up to its verdict."""
        assert self.process is not None
        before = len(self.events())
        self.process.send_signal(signal.SIGHUP)

        def verdict() -> bool:
            names = {line["event"] for line in self.events()[before:]}
            return bool(names & {"reloaded", "reload-refused"})

        until(verdict, lambda: f"no verdict on the reload: {self.said()}")
        return self.events()[before:]

    def said(self) -> str:
        """Everything that this run wrote."""
        return self._log.read_text(encoding="utf-8")

    def events(self) -> list[dict[str, Any]]:
        """The log of this run; whole lines only."""
        lines = self.said().splitlines(keepends=True)
        return [json.loads(x) for x in lines if x.startswith("{") and x.endswith("\n")]

    def named(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events() if line["event"] == event]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The n-th line of an event, once it is there."""

        def there() -> bool:
            ended = self.process is not None and self.process.poll() is not None
            assert not ended, f"it ended while {event} was waited for: {self.said()}"
            return len(self.named(event)) >= count

        until(there, lambda: f"no {event}: {self.said()}")
        return self.named(event)[count - 1]

    def child_pid(self, name: str) -> int:
        """The child of this name that was started last."""
        return int([x for x in self.named("child-started") if x["child"] == name][-1]["pid"])

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def until(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Poll for a condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


class Xtr:
    """Registers and asks from one socket, one message at a time."""

    def __init__(self, server: Endpoint) -> None:
        self.server = server
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(("::1" if ":" in server.host else "127.0.0.1", 0))
        self.nonce = 1000

    def register(
        self,
        prefix: str,
        *,
        key: Key = KEY,
        rloc: str = "192.0.2.9",
        xtr_id: bytes | None = None,
        ttl: int = 1440,
    ) -> bytes:
        """Send a Map-Register that asks for a Map-Notify and proxy replies."""
        self.nonce += 1
        eid, mask_len = from_eid_prefix(EidPrefix.parse(prefix))
        locator = RlocRecord(ip_address(rloc), 1, 100, 255, 0)
        record = EidRecord(ttl, eid, mask_len, (locator,), authoritative=True)
        message = MapRegister(
            self.nonce,
            1,
            2,
            bytes(32),
            (record,),
            proxy_map_reply=True,
            want_map_notify=True,
            xtr_id=xtr_id,
            site_id=None if xtr_id is None else bytes(8),
        )
        signed = key.sign(message.octets())
        self.socket.sendto(signed, self.server)
        return signed

    def registers(self, prefix: str) -> MapNotify:
        """Register, and have it acknowledged."""
        self.register(prefix)
        octets = self.hears()
        assert octets is not None, f"no Map-Notify for {prefix}"
        assert KEY.verify(octets)
        message = decode(octets)
        assert isinstance(message, MapNotify)
        assert message.nonce == self.nonce
        return message

    def asks(self, eid: str, patience: float = PATIENCE_SECONDS) -> MapReply | None:
        """The Map-Reply to an encapsulated Map-Request for one EID; None for silence."""
        self.nonce += 1
        own = self.socket.getsockname()
        rloc = ip_address(own[0])
        address, mask_len = from_eid_prefix(EidPrefix.parse(eid))
        request = MapRequest(
            self.nonce, rloc, (rloc,), (MapRequestRecord(address, mask_len),)
        ).octets()
        # The inner destination is the EID where the families agree, else any address.
        towards = eid if (":" in eid) == (":" in own[0]) else own[0]
        inner = build_ip_udp(own[0], towards, own[1], 4342, request)
        self.socket.sendto(Ecm(inner).octets(), self.server)
        octets = self.hears(patience)
        if octets is None:
            return None
        message = decode(octets)
        assert isinstance(message, MapReply)
        assert message.nonce == self.nonce
        return message

    def hears(self, patience: float = PATIENCE_SECONDS) -> bytes | None:
        """The next datagram; None where none comes in time."""
        if not select.select([self.socket], [], [], patience)[0]:
            return None
        return self.socket.recv(65_535)

    def close(self) -> None:
        self.socket.close()


@contextmanager
def xtr(server: Endpoint) -> Iterator[Xtr]:
    made = Xtr(server)
    try:
        yield made
    finally:
        made.close()
