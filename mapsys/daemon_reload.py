"""Reloading: by signal or by order, tried out for a while or for good, and taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mapsys.config.diff import changes
from mapsys.config.faults import ConfigError
from mapsys.config.model import Config
from mapsys.config_source import ConfigSource
from mapsys.configuration_turn import UNCONFIRMED, ConfigurationTurn
from mapsys.daemon_view import DaemonView
from mapsys.held_configuration import HeldConfiguration, Mark, fingerprint
from mapsys.net.audit import AuditTrail
from mapsys.net.log import Event, Logger
from mapsys.net.notify_socket import NotifySocket
from mapsys.query_events_rows import EventKind
from mapsys.query_life import LifeDeclined
from mapsys.query_life_rows import ReloadAction, ReloadOrder, ReloadRow
from mapsys.start_error import StartError

CHANGES_LIMIT: Final = 1_000
"""Told in one answer; the log has them all."""

FAULTS_TOLD: Final = 50

AGAIN_SECONDS: Final = 5.0
"""After a configuration could not be taken back, for want of an address for example."""


def configuration_at_start(source: ConfigSource, log: Logger) -> tuple[Config, Mark | None]:
    """The configuration to start with, and the mark of one that waits to be confirmed.

    What nobody confirmed in time comes into force by no restart: then it is the held
    one, until the file is changed. Raises ConfigError.
    """
    wanted = source.load()
    held = HeldConfiguration(wanted.state)
    mark = held.read_mark()
    if mark is None:
        return wanted, None
    if mark.rejected != fingerprint(wanted):
        held.drop()
        return wanted, None
    if not mark.rolled_back and time.time() < mark.until:
        return wanted, mark
    try:
        before = held.load()
    except ConfigError as error:
        log.error(Event.RELOAD_REFUSED, why=f"what was held cannot be read: {error.faults[0]}")
        held.drop()
        return wanted, None
    held.mark(Mark(mark.until, mark.rejected, rolled_back=True))
    log.warning(Event.RELOAD_ROLLED_BACK, why="nobody confirmed it")
    return before, Mark(mark.until, mark.rejected, rolled_back=True)


@dataclass(eq=False)
class _Unconfirmed:
    """A configuration on trial. decision: True confirms; undone: once it is taken back."""

    before: Config
    mark: Mark
    decision: asyncio.Future[bool]
    undone: asyncio.Event


class Reloads:
    """One at a time, beside the operations of the ALT. Made inside the loop it runs on."""

    def __init__(
        self,
        source: ConfigSource,
        load: Callable[[], Config],
        view: DaemonView,
        log: Logger,
        *,
        current: Callable[[], Config],
        take_over: Callable[[Config], Awaitable[None]],
        keep_room_for: Callable[[Config | None], None],
        turn: ConfigurationTurn,
        notify: NotifySocket,
        summary: Callable[[], str],
    ) -> None:
        """load: the files; raises ConfigError. take_over: raises StartError, nothing
        changed. keep_room_for: is told what an undo brings back. turn: that of ALT
        operations.
        """
        self._source = source
        self._load = load
        self._view = view
        self._log = log
        self._current = current
        self._take_over = take_over
        self._keep_room_for = keep_room_for
        self._turn = turn
        self._notify = notify
        self._summary = summary
        self._held = HeldConfiguration(current().state)
        self._trail = AuditTrail(current().state)
        self._is_reloading = False
        self._signalled = asyncio.Event()
        self._unconfirmed: _Unconfirmed | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, mark: Mark | None) -> None:
        """Listen to :meth:`signal` from now on. mark: as found at the start."""
        self._tasks.append(asyncio.create_task(self._on_signals()))
        if mark is None:
            return
        if mark.rolled_back:
            self._view.condition.rolled_back = True
            return
        with suppress(ConfigError):
            self._await_confirmation(self._held.load(), mark)

    async def stop(self) -> None:
        """Reload no more; what is unconfirmed stays so."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def signal(self) -> None:
        """SIGHUP: read the configuration again."""
        self._signalled.set()

    async def carry_out(self, order: ReloadOrder) -> ReloadRow:
        """Raises LifeDeclined, nothing changed."""
        match order.action:
            case ReloadAction.CONFIRM:
                return self._confirm(order)
            case ReloadAction.UNDO:
                return await self._undo(order)
        if order.dry_run:
            told = changes(self._current(), await self._read())
            return ReloadRow("dry-run", told[:CHANGES_LIMIT], len(told))
        return await self._reload(order)

    async def _on_signals(self) -> None:
        while True:
            await self._signalled.wait()
            self._signalled.clear()
            with suppress(LifeDeclined):  # it is in the log and in the status
                await self._reload(ReloadOrder(ReloadAction.RELOAD, "SIGHUP"))

    async def _reload(self, order: ReloadOrder) -> ReloadRow:
        self._notify.reloading()
        try:
            row = await self._exclusively(order)
        except LifeDeclined as declined:
            why = str(declined).partition("\n")[0]
            self._refused(why)
            self._note("reload", order, f"refused: {why}")
            raise
        except Exception as error:
            # A bug; the node goes on, and listens to the next order.
            self._log.exception(Event.FAULT, during="reload")
            why = "a fault in this program; see the log"
            self._refused(why)
            raise LifeDeclined("reload-refused", why) from error
        finally:
            self._notify.ready(self._summary())
        return row

    async def _exclusively(self, order: ReloadOrder) -> ReloadRow:
        if self._unconfirmed is not None:
            raise LifeDeclined("reload-refused", UNCONFIRMED)
        if self._turn.locked():
            under_way = "another reload" if self._is_reloading else "an operation of the ALT"
            raise LifeDeclined("reload-refused", f"{under_way} is under way; reload afterwards")
        async with self._turn:
            self._is_reloading = True
            try:
                return await self._swap(order)
            finally:
                self._is_reloading = False

    async def _swap(self, order: ReloadOrder) -> ReloadRow:
        confirm_within = order.confirm_within_seconds
        before = self._current()
        config = await self._read()
        mark = None
        try:
            if confirm_within is not None:
                # First written down, so that a crash in between does not keep it.
                mark = Mark(time.time() + confirm_within, fingerprint(config))
                await asyncio.to_thread(self._held.hold, before, mark)
            await self._take_over(config)
        except (StartError, OSError) as error:
            if mark is not None:
                self._held.drop()
            raise LifeDeclined("reload-refused", str(error)) from error
        told = changes(before, config)
        self._view.condition.rolled_back = False
        self._note("reload", order)
        dropped = self._view.condition.dropped_by_reload
        if mark is None:
            self._held.drop()
            return ReloadRow("reloaded", told[:CHANGES_LIMIT], len(told), dropped)
        self._await_confirmation(before, mark)
        return ReloadRow("unconfirmed", told[:CHANGES_LIMIT], len(told), dropped, confirm_within)

    async def _read(self) -> Config:
        try:
            # Reading thousands of sites takes a while; datagrams do not wait for it.
            return await asyncio.to_thread(self._load)
        except ConfigError as error:
            for fault in error.faults:
                self._log.error(Event.CONFIG_FAULT, fault=str(fault))
            lines = [f"{self._source.path} has {len(error.faults)} faults"]
            lines += map(str, error.faults[:FAULTS_TOLD])
            raise LifeDeclined("invalid-configuration", "\n".join(lines)) from error

    # On trial

    def _await_confirmation(self, before: Config, mark: Mark) -> None:
        decision: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._turn.on_trial = True
        self._keep_room_for(before)
        self._unconfirmed = _Unconfirmed(before, mark, decision, asyncio.Event())
        self._view.condition.unconfirmed_until = mark.until
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(self._decided(self._unconfirmed)))

    async def _decided(self, trial: _Unconfirmed) -> None:
        confirmed = False
        with suppress(TimeoutError):
            remaining = max(0.0, trial.mark.until - time.time())
            confirmed = await asyncio.wait_for(asyncio.shield(trial.decision), remaining)
        if confirmed:
            return
        if not trial.decision.done():
            trial.decision.set_result(False)
        while not await self._roll_back(trial):
            await asyncio.sleep(AGAIN_SECONDS)

    async def _roll_back(self, trial: _Unconfirmed) -> bool:
        try:
            async with self._turn:
                await self._take_over(trial.before)
            self._held.mark(Mark(trial.mark.until, trial.mark.rejected, rolled_back=True))
        except (StartError, OSError) as error:
            self._refused(f"the configuration cannot be taken back yet: {error}")
            return False
        self._end_trial()
        self._view.condition.rolled_back = True
        self._view.condition.failed_reloads += 1
        self._view.events.note(EventKind.RELOAD_ROLLED_BACK)
        self._log.warning(Event.RELOAD_ROLLED_BACK, why="nobody confirmed it, or it was undone")
        trial.undone.set()
        return True

    def _confirm(self, order: ReloadOrder) -> ReloadRow:
        trial = self._trial()
        trial.decision.set_result(True)
        self._held.drop()
        self._end_trial()
        self._note("reload-confirm", order)
        self._log.info(Event.RELOAD_CONFIRMED, by=order.by)
        return ReloadRow("confirmed")

    async def _undo(self, order: ReloadOrder) -> ReloadRow:
        trial = self._trial()
        trial.decision.set_result(False)
        self._note("reload-undo", order)
        await trial.undone.wait()
        return ReloadRow("undone")

    def _trial(self) -> _Unconfirmed:
        trial = self._unconfirmed
        if trial is None or trial.decision.done():
            raise LifeDeclined("nothing-unconfirmed", "no configuration waits to be confirmed")
        return trial

    def _end_trial(self) -> None:
        self._unconfirmed = None
        self._turn.on_trial = False
        self._keep_room_for(None)
        self._view.condition.unconfirmed_until = None

    # Telling

    def _note(self, what: str, order: ReloadOrder, result: str = "done") -> None:
        with suppress(OSError):  # the log has it as well
            self._trail.append(
                at=round(time.time(), 3),
                what=what,
                who=order.by,
                request_id=order.request_id,
                result=result,
                confirm_within=order.confirm_within_seconds,
            )

    def _refused(self, why: str) -> None:
        self._view.condition.failed_reloads += 1
        self._view.events.note(EventKind.RELOAD_REFUSED, detail=why)
        self._view.condition.reload_refused = why
        self._log.error(Event.RELOAD_REFUSED, why=why)
