"""The loop around the core, with real sockets and small cores that decide one thing each."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest

from mapsys.core.effects import (
    Answered,
    Datagram,
    Dropped,
    Effect,
    Endpoint,
    Expired,
    Inject,
    Repeat,
    Send,
)
from mapsys.datapath.pure import PureDatapath
from mapsys.eid import EidPrefix
from mapsys.net.log import open_log
from mapsys.net.loop import new_event_loop
from mapsys.net.shell import Shell
from mapsys.store_pure import PureStore
from tests.datapath.bench import PATIENCE_SECONDS, Peer

EID = EidPrefix.parse("198.18.1.0/24")


class EchoCore:
    """Sends every datagram back, behind one octet; what a subclass changes is its subject."""

    def __init__(self) -> None:
        self.writable = True

    def handle(self, datagram: Datagram, now: float) -> list[Effect]:
        return [
            Send(b"\x20" + datagram.data, datagram.source, datagram.local),
            Answered(EID, "proxy-reply"),
        ]

    def next_deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> list[Effect]:
        return []

    def set_writable(self, writable: bool) -> None:
        self.writable = writable


class Stage:
    """A shell with everything real around it but the core."""

    def __init__(
        self,
        core: EchoCore,
        inject: Callable[[Inject], None] | None = None,
        record: Callable[[Datagram, float], None] | None = None,
    ) -> None:
        self.core = core
        self.datapath = PureDatapath(PureStore())
        self.log = io.StringIO()
        self.batches = 0
        self.seen: list[Effect] = []
        self.shell = Shell(
            core,
            self.datapath,
            open_log(self.log),
            commit=self._commit,
            inject=inject,
            record=record,
        )
        self.shell.subscribe(lambda effects, _: self.seen.extend(effects))
        self.shell.listen([Endpoint("127.0.0.1", 0), Endpoint("::1", 0)])
        self.shell.start()
        self.peer = Peer()

    @property
    def address(self) -> Endpoint:
        return self.datapath.listening()[0].address

    def _commit(self) -> None:
        self.batches += 1

    async def receive(self) -> bytes:
        """The next datagram at the peer."""
        data, _ = await asyncio.wait_for(asyncio.to_thread(self.peer.receive), PATIENCE_SECONDS)
        return data

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.005)

    def close(self) -> None:
        self.shell.stop()
        self.datapath.close()
        self.peer.close()


def play(
    scene: Callable[[Stage], Awaitable[None]],
    make_core: Callable[[], EchoCore] = EchoCore,
    inject: Callable[[Inject], None] | None = None,
    record: Callable[[Datagram, float], None] | None = None,
) -> None:
    """Run a scene on the loop the daemon would take, and on asyncio's own."""

    async def whole() -> None:
        stage = Stage(make_core(), inject, record)
        try:
            await scene(stage)
        finally:
            stage.close()

    for factory in {new_event_loop, asyncio.new_event_loop}:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(whole())


def test_a_datagram_comes_back_as_the_core_decides() -> None:
    async def scene(stage: Stage) -> None:
        stage.peer.send(b"\x10one", stage.address)
        assert await stage.receive() == b"\x20\x10one"
        assert stage.batches == 1
        assert stage.seen == []
        totals = stage.shell.totals()
        assert totals["answered.proxy-reply"] == 1
        assert totals["received.MapRequest.ipv4"] == 1

    play(scene)


class RepeatingCore(EchoCore):
    """Lets the datapath repeat its answers."""

    def handle(self, datagram: Datagram, now: float) -> list[Effect]:
        reply = b"\x20\x00\x00\x01" + datagram.data[4:12]
        send = Send(reply, datagram.source, datagram.local, repeat=Repeat.NONCE)
        return [send, Answered(EID, "proxy-reply")]


def test_a_recorder_is_shown_what_would_otherwise_be_repeated() -> None:
    noted: list[bytes] = []

    async def scene(stage: Stage) -> None:
        noted.clear()
        asked = [b"\x10\x00\x00\x01nonce--%dquestion" % n for n in range(3)]
        for data in asked:
            stage.peer.send(data, stage.address)
            await stage.receive()
        assert noted == asked

    play(scene, RepeatingCore, record=lambda datagram, _: noted.append(datagram.data))


def test_an_answer_that_is_repeated_is_counted_like_the_first() -> None:
    async def scene(stage: Stage) -> None:
        for nonce in (b"nonce--1", b"nonce--2"):
            stage.peer.send(b"\x10\x00\x00\x01" + nonce + b"question", stage.address)
            assert await stage.receive() == b"\x20\x00\x00\x01" + nonce
        totals = stage.shell.totals()
        assert totals["answered.proxy-reply"] == 2
        assert totals["repeated.request"] == 1
        assert totals["punted"] == 1

    play(scene, RepeatingCore)


def test_a_fault_in_the_core_costs_one_message_and_is_logged() -> None:
    class FaultyCore(EchoCore):
        def handle(self, datagram: Datagram, now: float) -> list[Effect]:
            if datagram.data == b"\x10poison":
                raise ZeroDivisionError("the fault")
            return super().handle(datagram, now)

    async def scene(stage: Stage) -> None:
        for data in (b"\x10one", b"\x10poison", b"\x10two"):
            stage.peer.send(data, stage.address)
        assert [await stage.receive() for _ in range(2)] == [b"\x20\x10one", b"\x20\x10two"]
        assert stage.shell.totals()["failed"] == 1
        [line] = stage.log.getvalue().splitlines()
        told = json.loads(line)
        assert told["event"] == "fault"
        assert told["during"] == "handle"
        assert told["octets"] == b"\x10poison".hex()
        assert "ZeroDivisionError: the fault" in told["exception"]

    play(scene, FaultyCore)


def test_a_ticket_is_released_by_the_journal() -> None:
    class TicketCore(EchoCore):
        def handle(self, datagram: Datagram, now: float) -> list[Effect]:
            return [Send(b"\x40notify", datagram.source, datagram.local, after=7)]

    async def scene(stage: Stage) -> None:
        stage.peer.send(b"\x30", stage.address)
        await stage.until(lambda: stage.batches == 1)
        assert stage.peer.is_quiet()
        stage.shell.committed(6)
        assert stage.peer.is_quiet()
        stage.shell.committed(7)
        assert await stage.receive() == b"\x40notify"

    play(scene, TicketCore)


def test_the_core_is_told_whether_the_journal_writes() -> None:
    async def scene(stage: Stage) -> None:
        stage.shell.set_writable(False)
        assert not stage.core.writable
        stage.shell.set_writable(True)
        assert stage.core.writable

    play(scene)


class ExpiringCore(EchoCore):
    """Has something to expire at once, in slices; from the start or the first message on."""

    def __init__(self, slices: int, *, after_message: bool) -> None:
        super().__init__()
        self.left = 0 if after_message else slices
        self._then = slices if after_message else 0

    def handle(self, datagram: Datagram, now: float) -> list[Effect]:
        self.left += self._then
        return super().handle(datagram, now)

    def next_deadline(self) -> float | None:
        return 0.0 if self.left else None

    def expire(self, now: float) -> list[Effect]:
        if self.left == 0:
            return []
        self.left -= 1
        return [Expired(EID, "site-one")]


def test_what_falls_due_after_a_message_is_done_in_slices() -> None:
    async def scene(stage: Stage) -> None:
        stage.peer.send(b"\x10", stage.address)
        assert await stage.receive() == b"\x20\x10"
        await stage.until(lambda: stage.shell.totals().get("expired", 0) == 50)
        assert stage.batches == 51

    play(scene, lambda: ExpiringCore(50, after_message=True))


def test_what_is_due_at_the_start_is_done_without_a_message() -> None:
    async def scene(stage: Stage) -> None:
        await stage.until(lambda: stage.shell.totals().get("expired", 0) == 3)

    play(scene, lambda: ExpiringCore(3, after_message=False))


def test_a_fault_while_expiring_does_not_end_expiry() -> None:
    class FaultyOnce(ExpiringCore):
        faults = 1

        def expire(self, now: float) -> list[Effect]:
            if self.faults:
                self.faults -= 1
                raise ZeroDivisionError
            return super().expire(now)

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: stage.shell.totals().get("expired", 0) == 3)
        assert stage.shell.totals()["failed"] == 1
        assert json.loads(stage.log.getvalue())["during"] == "expire"

    play(scene, lambda: FaultyOnce(3, after_message=False))


def test_packets_for_the_alt_are_handed_on() -> None:
    class AltCore(EchoCore):
        def handle(self, datagram: Datagram, now: float) -> list[Effect]:
            return [Inject(datagram.data, EID, 0), Answered(EID, "alt")]

    handed: list[Inject] = []

    async def scene(stage: Stage) -> None:
        stage.peer.send(b"\x10packet", stage.address)
        await stage.until(lambda: stage.shell.totals().get("injected", 0) == 1)
        assert handed.pop() == Inject(b"\x10packet", EID, 0)

    play(scene, AltCore, handed.append)


def test_a_change_of_addresses_keeps_what_stays_and_reads_what_is_new() -> None:
    async def scene(stage: Stage) -> None:
        kept = stage.address
        stage.shell.listen([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)])
        for listening in stage.datapath.listening():
            stage.peer.send(b"\x10", listening.address)
            assert await stage.receive() == b"\x20\x10"
        assert stage.address == kept

    play(scene)


def test_a_refused_change_of_addresses_changes_nothing() -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(OSError, match="in use"):
            stage.shell.listen([stage.peer.address])
        stage.peer.send(b"\x10", stage.address)
        assert await stage.receive() == b"\x20\x10"

    play(scene)


def test_a_stopped_shell_reads_nothing_and_still_releases() -> None:
    async def scene(stage: Stage) -> None:
        stage.datapath.send([Send(b"\x40last", stage.peer.address, after=1)])
        stage.shell.stop()
        stage.peer.send(b"\x10", stage.address)
        await asyncio.sleep(0.05)
        assert stage.datapath.counters().get("punted", 0) == 0
        stage.shell.committed(1)
        assert await stage.receive() == b"\x40last"

    play(scene)


def test_effects_from_outside_a_turn_are_carried_out_and_committed() -> None:
    async def scene(stage: Stage) -> None:
        effects: Sequence[Effect] = [
            Send(b"\x40", stage.peer.address),
            Dropped(stage.peer.address, "MapRegister", "no-site"),
        ]
        stage.shell.carry_out(effects)
        assert await stage.receive() == b"\x40"
        assert stage.batches == 1
        assert stage.shell.totals()["dropped.MapRegister.no-site"] == 1
        assert stage.seen == [effects[1]]

    play(scene)
