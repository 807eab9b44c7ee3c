"""The daemon's children: which there are, and which change with the configuration."""

from __future__ import annotations

import asyncio
import sys

from mapsys.config.model import Config
from mapsys.hooks import hand_over as hooks
from mapsys.http_access import hand_over
from mapsys.net.children import Child
from mapsys.net.log import Logger


class Children:
    """The processes beside the daemon's own."""

    def __init__(self, config: Config, log: Logger) -> None:
        self._log = log
        self._http = self._http_process(config)
        self._poller = self._poller_process(config)
        self._hooks = self._hooks_process(config)
        self._fold = Child(
            "fold", [sys.executable, "-m", "mapsys.net.fold", str(config.state)], log
        )

    def start_http(self) -> None:
        """Start the one that can say what the daemon is doing."""
        self._http.start()

    def start(self) -> None:
        """Start the others."""
        for child in self._wanted():
            if child is not self._http:
                child.start()

    async def stop(self) -> None:
        """End them all."""
        await asyncio.gather(*(child.stop() for child in self._wanted()))

    def away(self) -> list[str]:
        """Names of those that do not run just now."""
        return [child.name for child in self._wanted() if child.pid is None]

    async def reconfigure(self, old: Config, new: Config) -> None:
        """Start those anew that another configuration concerns."""
        renews = new.http is not None and new.http.tls is not None
        if new.http != old.http or renews:  # a certificate may be new under the same name
            await self._http.stop()
            self._http = self._http_process(new)
            self._http.start()
        if (new.poller is None) is not (old.poller is None):
            if self._poller is not None:
                await self._poller.stop()
            self._poller = self._poller_process(new)
            if self._poller is not None:
                self._poller.start()
        if new.hooks != old.hooks:
            if self._hooks is not None:
                await self._hooks.stop()
            self._hooks = self._hooks_process(new)
            if self._hooks is not None:
                self._hooks.start()

    def _wanted(self) -> list[Child]:
        """All that should run."""
        wanted = (self._fold, self._poller, self._hooks, self._http)
        return [child for child in wanted if child is not None]

    def _http_process(self, config: Config) -> Child:
        argv = [sys.executable, "-m", "mapsys.http", "--state", str(config.state)]
        if config.http is not None:
            access = hand_over(config.http, config.state)
            argv += ["--listen", str(config.http.listen), "--access", str(access)]
        return Child("http", argv, self._log)

    def _poller_process(self, config: Config) -> Child | None:
        if config.poller is None:
            return None
        argv = [sys.executable, "-m", "mapsys.poller", "--state", str(config.state)]
        return Child("poller", argv, self._log)

    def _hooks_process(self, config: Config) -> Child | None:
        hooks.hand_over(config.hooks, config.state)
        if not config.hooks:
            return None
        argv = [sys.executable, "-m", "mapsys.hooks", "--state", str(config.state)]
        return Child("hooks", argv, self._log)
