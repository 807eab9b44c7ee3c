"""A scenario: settings and input with times, replayed through the core on a virtual clock.

``tests/scenarios/README.md`` says what stands in the files.
"""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mapsys.config.load import load
from mapsys.core.effects import Datagram, Effect, Send
from mapsys.core.engine import Engine
from mapsys.core.settings import Settings
from mapsys.core_setup import settings_of
from mapsys.store_pure import PureStore
from mapsys.wire.message import decode
from tests.scenario_input import Builder, endpoint
from tests.scenario_readable import effect_json

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp()
"""Seconds since 1970 at a scenario's time 0."""

FIRST_FRESH_NONCE = 0xABC000
"""Where the nonces begin that the server gives its own messages."""

DEADLINES_LIMIT = 10_000


class Scenario:
    """One engine over one store, with the time in its own hands."""

    def __init__(self, settings_file: Path) -> None:
        self._folder = settings_file.parent
        self._nonces = itertools.count(FIRST_FRESH_NONCE)
        self._now = 0.0
        self._changes = b""
        self._store = PureStore()
        self._settings = read_settings(settings_file)
        self._engine = self._start()
        self._builder = Builder(self._settings)

    def run(self, lines: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Take in the input lines in order; gives the effect lines."""
        yield from self._told(self._engine.install_static(self._now))
        for line in lines:
            yield from self._pass_time(line["at"])
            yield from self._told(self._step(line))

    def _step(self, line: dict[str, Any]) -> list[Effect]:
        if "from" in line:
            source, local = endpoint(line["from"]), endpoint(line["to"])
            data = self._builder.datagram(line)
            return self._engine.handle(Datagram(data, source, local), self._now)
        if "reload" in line:
            self._settings = read_settings(self._folder / line["reload"])
            effects = self._engine.reconfigure(self._settings, self._now)
            self._builder.use(self._settings)
            return effects
        if "restart" in line:
            self._restart()
        if "journal_writes" in line:
            self._engine.set_writable(line["journal_writes"])
        return []

    def _start(self) -> Engine:
        return Engine(self._store, self._settings, lambda: next(self._nonces))

    def _restart(self) -> None:
        """What was committed is all that is left; Map-Notifies under way are not."""
        self._changes += self._store.take_changes()[1]
        self._store = PureStore()
        self._store.apply(self._changes, 0.0)
        self._engine = self._start()

    def _pass_time(self, until: float) -> Iterator[dict[str, Any]]:
        """Serve every deadline on the way."""
        for _ in range(DEADLINES_LIMIT):
            deadline = self._engine.next_deadline()
            if deadline is None or deadline > until:
                break
            self._now = max(self._now, deadline)
            yield from self._told(self._engine.expire(self._now))
        else:
            raise AssertionError("deadlines do not move on")
        self._now = until

    def _told(self, effects: list[Effect]) -> Iterator[dict[str, Any]]:
        for effect in effects:
            if isinstance(effect, Send):
                self._builder.saw(decode(effect.data))
            yield {"at": round(self._now, 3), **effect_json(effect, self._builder.keys)}


def read_settings(path: Path) -> Settings:
    """The core's settings from a configuration file, with the virtual clock's offset."""
    config = load(path)
    return settings_of(config, config.control.listen, EPOCH)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def effect_lines(settings_file: Path, input_file: Path) -> list[str]:
    """What an input has for effects, as the lines of a file."""
    effects = Scenario(settings_file).run(read_lines(input_file))
    return [json.dumps(effect, ensure_ascii=False) for effect in effects]
