"""``mapsys run`` in a namespace of the lab, and what its API says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from mapsys.cli.api import api
from mapsys.lab.errors import CheckFailed, LabError
from mapsys.lab.programs import Running
from mapsys.lab.waiting import wait_for

_ORDER_SECONDS: Final = 60.0
_START_SECONDS: Final = 300.0
"""Several nodes start at once, and the machine may be busy."""


class Daemon:
    """One daemon; it can be killed and started again over its state."""

    def __init__(self, name: str, namespace: str, config: Path, state: Path) -> None:
        """config: its file, written already, in the folder where its log goes."""
        self.name = name
        self.namespace = namespace
        self._config = config
        self._api = api(state, None)
        self._daemon: Running | None = None
        self._why_not = ""

    def launch(self) -> None:
        """Start it, and do not wait."""
        command = [sys.executable, "-m", "mapsys.cli.main", "run", "-c", str(self._config)]
        self._daemon = Running(self.namespace, command, self._config.parent / "mapsys.log")

    def wait_until_serving(self) -> None:
        """Raises LabError, CheckFailed."""
        wait_for(
            self._serves,
            f"{self.name} to serve",
            _START_SECONDS,
            found=lambda: self._why_not or "nothing",
        )

    def get(self, path: str) -> dict[str, Any]:
        """What the API answers, as in ``get("status")``. Raises CheckFailed."""
        try:
            return self._api.get(f"/api/v1/{path}")
        except click.ClickException as error:
            raise CheckFailed(f"{self.name}: {error.message}") from error

    def items(self, path: str) -> list[dict[str, Any]]:
        """All items of a list of the API. Raises CheckFailed."""
        try:
            return list(self._api.items(f"/api/v1/{path}", {}))
        except click.ClickException as error:
            raise CheckFailed(f"{self.name}: {error.message}") from error

    def dropped(self, kind: str, reason: str) -> int:
        """Messages of a kind, as in "MapRegister", that got silence for a reason."""
        row = f'mapsys_messages_dropped_total{{reason="{reason}",type="{kind}"}} '
        try:
            text = self._api.text("/metrics").decode()
        except click.ClickException as error:
            raise CheckFailed(f"{self.name}: {error.message}") from error
        found = [line for line in text.splitlines() if line.startswith(row)]
        return int(float(found[0].removeprefix(row))) if found else 0

    def order(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Give an order of the API, as in ``order("reload", {})``. Raises CheckFailed."""
        try:
            return self._api.post(f"/api/v1/{path}", body, _ORDER_SECONDS)
        except click.ClickException as error:
            raise CheckFailed(f"{self.name}: {error.message}") from error

    def configure(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Have a function change what the configuration file says; nothing is in force yet."""
        document = json.loads(self._config.read_text(encoding="utf-8"))
        change(document)
        write_config(self._config.parent, document)

    def reload(self) -> None:
        """Have the file in force, as ``mapsys reload`` does. Raises CheckFailed."""
        self.order("reload", {"confirm_within_seconds": None, "dry_run": False})

    def kill(self) -> None:
        """End the daemon without a word."""
        if self._daemon is not None:
            self._daemon.kill()

    def ask_to_end(self) -> None:
        """Begin to end it in order."""
        if self._daemon is not None:
            self._daemon.ask_to_end()

    def end(self) -> None:
        """See to it that it has ended."""
        if self._daemon is not None:
            self._daemon.end()

    def _serves(self) -> bool:
        if self._daemon is None:
            raise LabError(f"{self.name} was not started")
        self._daemon.require_running()
        try:
            self.get("status")
        except CheckFailed as error:
            self._why_not = str(error)
            return False
        return True


def write_config(folder: Path, document: dict[str, Any]) -> Path:
    """A configuration file in a folder; returns its path."""
    path = folder / "mapsys.yaml"
    # JSON is YAML without its anchors, which the configuration does not read.
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path
