"""Carries the datagrams and packets of a tunnel router, until it is told to end."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from mapsys.config.faults import ConfigError
from mapsys.eid import EidPrefix
from mapsys.start_error import StartError
from mapsys.xtr.devices import Device, device_of
from mapsys.xtr.effects import (
    Effect,
    Event,
    HostRoute,
    SendControl,
    SendOuter,
    Told,
    ToSite,
)
from mapsys.xtr.orders import serve_orders
from mapsys.xtr.router import Xtr
from mapsys.xtr.schema import load
from mapsys.xtr.settings import XtrSettings
from mapsys.xtr.sockets import DATAGRAM_LIMIT, AddressSockets, RawSenders
from mapsys.xtr.state import Randomness
from mapsys.xtr.view import status

BATCH_LIMIT: Final = 64
"""Packets from one descriptor before the others have their turn."""

REPEAT_SECONDS: Final = 60.0
"""The same fault is told once in so long."""


class XtrRunner:
    """One router with its sockets and devices. tell: takes each line of the log."""

    def __init__(
        self,
        path: Path,
        settings: XtrSettings,
        rising: Callable[[], int],
        tell: Callable[[str], None],
    ) -> None:
        self._path = path
        self._tell = tell
        randomness = Randomness(lambda: secrets.randbits(64), rising, random.random)
        self._xtr = Xtr(settings, randomness)
        self._addresses: dict[str, AddressSockets] = {}
        self._devices: list[Device] = []
        self._senders: RawSenders | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told_at: dict[str, float] = {}

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises StartError."""
        try:
            # The netlink library has a loop of its own, so this comes before ours.
            settings = self._xtr.state.settings
            self._senders = RawSenders()
            self._devices += (Device(one, settings.path_mtu) for one in settings.devices)
            for host in settings.local_hosts:
                self._addresses[host] = AddressSockets(host)
            asyncio.run(self._serve())
        finally:
            for device in self._devices:
                device.close()
            for address in self._addresses.values():
                address.close()
            if self._senders is not None:
                self._senders.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        socket_path = self._xtr.state.settings.status_socket
        try:
            server = await serve_orders(socket_path, self._ordered)
        except OSError as error:
            raise StartError(
                f"the status socket {socket_path} cannot be made: {error.strerror}"
            ) from error
        for device in self._devices:
            loop.add_reader(device.descriptor, self._read_device, device)
        for address in self._addresses.values():
            self._listen(address)
        self._carry_out(self._xtr.start(loop.time()))
        await ending.wait()
        server.close()
        socket_path.unlink(missing_ok=True)

    def _listen(self, address: AddressSockets) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(address.control, self._read_control, address)
        loop.add_reader(address.data, self._read_data, address)

    def _read_control(self, address: AddressSockets) -> None:
        for _ in range(BATCH_LIMIT):
            try:
                data, source = address.read_control()
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error about something sent before
            self._carry_out(self._xtr.handle_control(data, source, address.host, self._now()))

    def _read_data(self, address: AddressSockets) -> None:
        for _ in range(BATCH_LIMIT):
            try:
                outer = address.read_data()
            except BlockingIOError:
                break
            except OSError:
                continue  # as above
            self._carry_out(self._xtr.handle_outer(*outer, self._now()))

    def _read_device(self, device: Device) -> None:
        instance_id = device.settings.instance_id
        for _ in range(BATCH_LIMIT):
            try:
                octets = os.read(device.descriptor, DATAGRAM_LIMIT)
            except BlockingIOError:
                break
            self._carry_out(self._xtr.handle_packet(octets, instance_id, self._now()))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendOuter():
                    self._send_outer(effect)
                case ToSite():
                    self._to_site(effect)
                case SendControl():
                    self._send_control(effect)
                case HostRoute():
                    self._route(effect)
                case Told():
                    self._say(effect.event, effect.about)
        self._rearm()

    def _send_outer(self, effect: SendOuter) -> None:
        assert self._senders is not None
        try:
            self._senders.send(effect.packet, effect.destination)
        except OSError as error:
            self._say_once(Event.CANNOT_SEND, f"to {effect.destination}: {error.strerror}")

    def _send_control(self, effect: SendControl) -> None:
        address = self._addresses.get(effect.source or "")
        if address is None:
            reason = "no own address of its IP version"
            self._say_once(Event.CANNOT_SEND, f"to {effect.destination}: {reason}")
            return
        try:
            address.control.sendto(effect.data, effect.destination)
        except OSError as error:  # what matters is sent again
            self._say_once(Event.CANNOT_SEND, f"to {effect.destination}: {error.strerror}")

    def _to_site(self, effect: ToSite) -> None:
        for device in self._devices:
            if device.settings.instance_id == effect.instance_id:
                try:
                    os.write(device.descriptor, effect.packet)
                except OSError as error:
                    self._say_once(
                        Event.CANNOT_SEND, f"into {device.settings.name}: {error.strerror}"
                    )

    def _route(self, change: HostRoute) -> None:
        device = device_of(self._devices, change.eid)
        if device is None:
            return
        turn = asyncio.get_running_loop().run_in_executor(None, device.route, change)
        turn.add_done_callback(lambda done: self._routed(change, done))

    def _routed(self, change: HostRoute, done: asyncio.Future[None]) -> None:
        error = done.exception()
        if error is not None:
            self._say(Event.CANNOT_ROUTE, f"{change.eid} towards {change.towards}: {error}")

    def _ordered(self, order: dict[str, Any]) -> dict[str, Any]:
        match order.get("order"):
            case "status":
                return status(self._xtr, self._now())
            case "arrived" | "left" as what:
                eid = EidPrefix.parse(str(order.get("eid")), int(order.get("instance_id", 0)))
                moved = self._xtr.arrived if what == "arrived" else self._xtr.left
                self._carry_out(moved(eid, self._now()))
                return {"done": str(eid)}
        return {"error": "an order is status, arrived or left"}

    def _reload(self) -> None:
        try:
            settings = load(self._path)
            opened = {
                host: AddressSockets(host)
                for host in settings.local_hosts
                if host not in self._addresses
            }
        except (ConfigError, StartError) as error:
            self._say(Event.NOT_RELOADED, str(error))
            return
        for host, address in opened.items():
            self._addresses[host] = address
            self._listen(address)
        effects = self._xtr.reconfigure(settings, self._now())
        loop = asyncio.get_running_loop()
        for host in self._addresses.keys() - set(settings.local_hosts):
            gone = self._addresses.pop(host)
            loop.remove_reader(gone.control)
            loop.remove_reader(gone.data)
            gone.close()
        self._carry_out(effects)

    def _rearm(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = self._xtr.next_deadline()
        if self._timer is not None:
            if self._timer.when() == deadline and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._carry_out(self._xtr.expire(self._now()))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _say(self, event: Event, about: str) -> None:
        self._tell(f"{time.strftime('%H:%M:%S')} {event}: {about}")

    def _say_once(self, event: Event, about: str) -> None:
        now = self._now()
        self._told_at = {k: at for k, at in self._told_at.items() if at > now - REPEAT_SECONDS}
        if about not in self._told_at:
            self._told_at[about] = now
            self._say(event, about)
