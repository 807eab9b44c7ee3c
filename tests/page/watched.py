"""A real daemon with an address for browsers."""

from __future__ import annotations

import socket
from pathlib import Path

from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from mapsys.core.effects import Endpoint
from tests.daemon.node import Node, free_port, until
from tests.daemon.subscriber import PUBSUB, SUBSCRIBERS

SITES = (
    ("site-one", "198.18.1.0/24"),
    ("site-two", "198.18.2.0/24"),
    ("site-three", "198.18.3.0/24"),
    ("site-four", "198.18.4.0/24"),
    ("site-five", "198.18.5.0/24"),
    ("site-six", "198.18.6.0/24"),
)

PLACE = "{name: Zurich, latitude: 47.38, longitude: 8.54}"


class WatchedNode(Node):
    """lifetime: of registrations, as the configuration writes it."""

    def __init__(self, folder: Path, lifetime: str = "3m") -> None:
        super().__init__(folder)
        self._web = Endpoint("127.0.0.1", free_port(kind=socket.SOCK_STREAM))
        self.configure(sites=SITES)
        text = self.config.read_text(encoding="utf-8")
        text = text.replace(
            "map-server: {", f"map-server: {{registration-lifetime: {lifetime}, pubsub: {PUBSUB}, "
        )
        text = text.replace("map-resolver: {}", f"map-resolver: {{subscribers: {SUBSCRIBERS}}}")
        text = text.replace("name: site-six\n", f"name: site-six\n    place: {PLACE}\n")
        listen = f"http: {{listen: '{self._web.host}:{self._web.port}'}}\n"
        self.config.write_text(text + listen, encoding="utf-8")

    def command(self, *arguments: str) -> Result:
        """``mapsys`` with these arguments, on this node."""
        return CliRunner().invoke(cli, [*arguments, "--state", str(self.state)])

    def start(self) -> None:
        """Start it, and wait until it serves LISP and HTTP."""
        super().start()
        until(self._is_served, lambda: f"nothing listens at {self._web}: {self.said()}")

    def _is_served(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(self._web) == 0

    @property
    def page(self) -> str:
        """The page's address."""
        return f"http://{self._web.host}:{self._web.port}"
