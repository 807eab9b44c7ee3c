"""Three daemons in a row: a region, a provider below it, a Map-Resolver beside the region.

    mr1 (edge) ------ arin (region, 198.18.0.0/19) ------ mspa (198.18.0.0/21)
    192.0.2.3         192.0.2.1                           192.0.2.2
    Map-Resolver      transit                             Map-Server of site-one, site-two

arin has a second tunnel to mspa, mspa-b, whose other end is not configured.
site-one holds 198.18.1.0/24, site-two 198.18.2.0/24 and 2001:db8:e002::/48.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.http import SOCKET_NAME
from mapsys.lig import Answer, Lig, Question
from mapsys.wire.auth import Key
from tests.alt.data.lab import Underlay, in_namespace, socket_in

PATIENCE_SECONDS = 60.0
ITR, RESOLVER = "192.0.2.21", Endpoint("192.0.2.3", 4342)
SECRET = "a laboratory secret"
KEY = Key(SECRET.encode())

DELEGATIONS = """\
    delegations:
      - {block: 198.18.0.0/19, level: region, holder: arin}
      - {block: 2001:db8:e000::/38, level: region, holder: arin}
      - {block: 198.18.0.0/21, level: msp, holder: mspa, provider: arin}
      - {block: 2001:db8:e000::/40, level: msp, holder: mspa, provider: arin}
      - {block: 198.18.1.0/24, level: site, holder: site-one, provider: mspa}
      - {block: 198.18.2.0/24, level: site, holder: site-two, provider: mspa}
      - {block: 2001:db8:e002::/48, level: site, holder: site-two, provider: mspa}
"""

ARIN = """\
node: {node}
state: {state}
control: {{listen: ["192.0.2.1:4342", "[2001:db8:f::1]:4342"]}}
alt:
  - name: arin
    as: 65101
    router-id: 10.254.0.1
    level: region
    blocks: [198.18.0.0/19, 2001:db8:e000::/38]
    backend: userspace
{delegations}
    tunnels:
      - {{name: mspa, remote: 192.0.2.2, key: 1006, inner: 10.255.0.12/31,
         inner6: "fd00:a17::c/127", role: child, peer-as: 65201, hold-time: 9s}}
      - {{name: mspa-b, neighbor: mspa, remote: 192.0.2.2, key: 1016, inner: 10.255.0.32/31,
         role: child, peer-as: 65201, hold-time: 9s}}
      - {{name: mr1, remote: 192.0.2.3, key: 1010, inner: 10.255.0.20/31,
         inner6: "fd00:a17::14/127", role: child, peer-as: 65301, hold-time: 9s}}
"""

MSPA = """\
node: {node}
state: {state}
control: {{listen: ["192.0.2.2:4342", "[2001:db8:f::2]:4342"]}}
map-server: {{rate-limits: off}}
sites:
  - name: site-one
    keys: [{{id: 1, algorithm: hmac-sha-256-128, secret: {secret}}}]
    eids: [{{prefix: 198.18.1.0/24, accept-more-specifics: true}}]
    notify-port: source
  - name: site-two
    keys: [{{id: 1, algorithm: hmac-sha-256-128, secret: {secret}}}]
    eids:
      - {{prefix: 198.18.2.0/24, accept-more-specifics: true}}
      - {{prefix: "2001:db8:e002::/48", accept-more-specifics: true}}
    notify-port: source
alt:
  - name: mspa
    as: 65201
    router-id: 10.254.0.11
    level: msp
    blocks: [198.18.0.0/21, 2001:db8:e000::/40]
    backend: userspace
{delegations}
    tunnels:
      - {{name: arin, remote: 192.0.2.1, key: {key}, inner: 10.255.0.13/31,
         inner6: "fd00:a17::d/127", role: parent, peer-as: 65101, hold-time: 9s}}
"""

MR1 = """\
node: {node}
state: {state}
control: {{listen: ["192.0.2.3:4342", "[2001:db8:f::3]:4342"]}}
map-resolver: {{}}
alt:
  - name: mr1
    as: 65301
    router-id: 10.254.0.21
    level: edge
    backend: userspace
    tunnels:
      - {{name: arin, remote: 192.0.2.1, key: 1010, inner: 10.255.0.21/31,
         inner6: "fd00:a17::15/127", role: parent, peer-as: 65101, hold-time: 9s}}
"""

MSPB = """\
node: {node}
state: {state}
control: {{listen: ["192.0.2.4:4342"]}}
map-server: {{rate-limits: off}}
sites:
  - name: site-one
    keys: [{{id: 1, algorithm: hmac-sha-256-128, secret: {secret}}}]
    eids: [{{prefix: 198.18.1.0/24, accept-more-specifics: true}}]
    notify-port: source
alt:
  - name: mspb
    as: 65202
    router-id: 10.254.0.12
    level: msp
    blocks: [198.18.8.0/21]
    backend: userspace
{delegations}
    tunnels:
      - {{name: arin, remote: 192.0.2.1, key: 1009, inner: 10.255.0.19/31,
         role: parent, peer-as: 65101, hold-time: 9s}}
"""

TEMPLATES = {"arin": ARIN, "mspa": MSPA, "mr1": MR1, "mspb": MSPB}
NUMBERS = {"arin": 1, "mspa": 2, "mr1": 3, "mspb": 4}


class AltDaemon:
    """``mapsys run`` in an underlay's namespace, over one configuration file."""

    def __init__(self, name: str, folder: Path, namespace: str, run: str) -> None:
        self.name = name
        self.namespace = namespace
        self.state = folder / name
        self.node = f"{name}.{run}"
        self.overlay = f"mapsys-{self.node}-0"
        self._config = folder / f"{name}.yaml"
        self._log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.configure()

    def configure(
        self, *, key: int = 1006, change: Callable[[str], str] = lambda text: text
    ) -> None:
        """Write the configuration. key: of the tunnel between mspa and arin, at mspa."""
        text = TEMPLATES[self.name].format(
            node=self.node, state=self.state, delegations=DELEGATIONS, secret=SECRET, key=key
        )
        self._config.write_text(change(text), encoding="utf-8")

    def launch(self) -> None:
        """Start the process without waiting for anything."""
        with self._log.open("wb") as log:
            self.process = in_namespace(
                self.namespace,
                [sys.executable, "-m", "mapsys.cli.main", "run", "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Until it serves, and can be asked how it is."""
        self.wait_for("ready")
        until(
            (self.state / SOCKET_NAME).exists,
            lambda: f"{self.name} has no HTTP process: {self.said()}",
        )

    def stop(self) -> int:
        """End it in order; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self.process = None
        return code

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def reload(self) -> str:
        """SIGHUP; the verdict."""
        assert self.process is not None
        before = len(self.events())
        self.process.send_signal(signal.SIGHUP)
        verdicts: list[str] = []

        def there() -> bool:
            verdicts[:] = [
                e["event"]
                for e in self.events()[before:]
                if e["event"] in ("reloaded", "reload-refused")
            ]
            return bool(verdicts)

        until(there, lambda: f"no verdict on the reload: {self.said()}")
        return verdicts[0]

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        lines = self.said().splitlines(keepends=True)
        return [json.loads(x) for x in lines if x.startswith("{") and x.endswith("\n")]

    def named(self, event: str, **facts: object) -> list[dict[str, Any]]:
        found = [e for e in self.events() if e["event"] == event]
        return [e for e in found if all(e.get(k) == v for k, v in facts.items())]

    def wait_for(self, event: str, count: int = 1, **facts: object) -> None:
        """Until an event stands in the log so often."""

        def there() -> bool:
            ended = self.process is not None and self.process.poll() is not None
            assert not ended, f"{self.name} ended: {self.said()}"
            return len(self.named(event, **facts)) >= count

        until(there, lambda: f"{self.name}: no {event} {facts}: {self.said()}")

    def command(self, *words: str) -> Result:
        """A mapsys command of this node's operator."""
        return CliRunner().invoke(cli, [*words, "--state", str(self.state)])

    def shown(self, *words: str) -> Any:
        """What a command shows, as values."""
        run = self.command(*words, "-o", "json")
        assert run.exit_code == 0, run.output
        return json.loads(run.stdout)

    def capabilities(self) -> set[int]:
        """The effective capabilities of the daemon and of its HTTP process, as masks."""
        assert self.process is not None
        http = [e["pid"] for e in self.named("child-started", child="http")][-1]
        return {capabilities_of(pid) for pid in (self.process.pid, http)}


def capabilities_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("CapEff:")[2].split()[0], 16)


def run_command(
    namespace: str, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``mapsys`` in a namespace. env: put over the present one."""
    process = in_namespace(
        namespace,
        [sys.executable, "-m", "mapsys.cli.main", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, process.returncode, str(stdout), str(stderr))


def until(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Poll for a condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


class Row:
    """The network and its daemons; an ITR and an ETR have namespaces of their own."""

    def __init__(
        self, net: Underlay, folder: Path, names: tuple[str, ...] = ("arin", "mspa", "mr1")
    ) -> None:
        self.net = net
        run = f"{os.getpid() % 10_000}{os.urandom(2).hex()}"
        self.spaces = {name: net.add(NUMBERS[name]) for name in names}
        self.early: Answer | None = None
        """What the Map-Resolver said before it had heard from its parent."""
        self.itr = net.add(21)
        self.etr = net.add(31)
        self.nodes = {
            name: AltDaemon(name, folder, namespace, run) for name, namespace in self.spaces.items()
        }

    def __getitem__(self, name: str) -> AltDaemon:
        return self.nodes[name]

    def start(self, but: str = "") -> None:
        """All of them, with their sessions. but: the one that runs already."""
        others = [node for name, node in self.nodes.items() if name != but]
        for node in others:
            node.launch()
        for node in others:
            node.wait_until_ready()
        for name in self.nodes:
            if name != "arin":
                self.nodes[name].wait_for("alt-peer-up", peer="arin")
                self.nodes["arin"].wait_for("alt-peer-up", peer=name)

    def ask(self, eid: str, *, patience: float = 2.0, count: int = 3) -> Answer | None:
        """What the Map-Resolver answers at the ITR's place; None for silence."""
        with socket_in(self.itr, socket.AF_INET, socket.SOCK_DGRAM) as itr:
            itr.bind((ITR, 0))
            question = Question(
                eid=EidPrefix.parse(eid),
                map_resolver=RESOLVER,
                itr_rloc=ITR,
                source_port=itr.getsockname()[1],
                inner_source=ITR if ":" not in eid else "2001:db8:f::21",
                count=count,
                timeout_seconds=patience,
            )
            query = Lig(question, lambda: secrets.randbits(64))
            while (message := query.send(time.monotonic())) is not None:
                itr.sendto(message, RESOLVER)
                itr.settimeout(patience)
                with suppress(TimeoutError):
                    data, (host, port) = itr.recvfrom(65_535)
                    answer = query.receive(data, Endpoint(host, port), time.monotonic())
                    if answer is not None:
                        return answer
        return None

    def close(self) -> None:
        for node in self.nodes.values():
            node.kill()
