"""Starts ``node`` in an underlay's namespace and talks to it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any, Final

from alt.tunnel.base import TunnelSpec
from tests.alt.data.lab import WAIT_SECONDS, in_namespace

END_SECONDS: Final = 60.0


class NodeProcess:
    """One node of a test network."""

    def __init__(
        self,
        namespace: str,
        overlay: str,
        tunnels: list[TunnelSpec],
        routes: dict[str, str],
        *,
        unprivileged: bool = False,
        uvloop: bool = False,
    ) -> None:
        config = {
            "overlay": overlay,
            "tunnels": [asdict(spec) for spec in tunnels],
            "routes": routes,
            "unprivileged": unprivileged,
            "uvloop": uvloop,
        }
        self.overlay = overlay
        self.process = in_namespace(
            namespace,
            [sys.executable, "-m", "tests.alt.data.node", json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.event("ready")

    def event(self, kind: str) -> dict[str, Any]:
        """The next event of a kind; earlier ones of other kinds are passed over."""
        while (found := self._events.get(timeout=WAIT_SECONDS)) is not None:
            if found["event"] == kind:
                return found
        raise AssertionError(f"the node of {self.overlay} ended before it said {kind!r}")

    def tell(self, **command: Any) -> None:
        """Give a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def counters(self) -> dict[str, Any]:
        """What it has counted so far."""
        self.tell(counters=True)
        return self.event("counters")

    def end(self) -> int:
        """End it in order; its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(END_SECONDS)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(END_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)
