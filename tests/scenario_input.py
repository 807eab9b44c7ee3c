"""Datagrams from what a scenario's input line says: recorded octets, or a description."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mapsys.core.effects import Endpoint
from mapsys.core.settings import Settings
from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, Ipv4, Ipv6, NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.info import InfoRequest
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import Message
from tests.core.lisp_sec_xtrs import SecureItr
from tests.scenario_readable import keys_of, record_from
from tests.wire.pcap import udp_payloads

CAPTURES = Path(__file__).with_name("captures")

MAC_OCTETS = {1: 20, 2: 32, 3: 16}


def endpoint(text: str) -> Endpoint:
    """``192.0.2.1:4342`` or ``[2001:db8::1]:4342``."""
    host, _, port = text.rpartition(":")
    return Endpoint(host.strip("[]"), int(port))


class Builder:
    """Makes datagrams; knows the keys, and the Map-Notifies that were sent so far."""

    def __init__(self, settings: Settings) -> None:
        self.keys: dict[str, Key] = {}
        self._notifies: dict[int, MapNotify] = {}
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Sign by these settings from now on."""
        self.keys = keys_of(settings)

    def saw(self, message: Message) -> None:
        """The server sent a message; a Map-Notify may be acknowledged later."""
        if isinstance(message, MapNotify):
            self._notifies[message.nonce] = message

    def datagram(self, line: dict[str, Any]) -> bytes:
        """The octets of an input line."""
        if "hex" in line:
            return bytes.fromhex(str(line["hex"]))
        if "capture" in line:
            payloads = list(udp_payloads(CAPTURES / line["capture"]))
            return payloads[int(line["packet"])]
        source, local = endpoint(line["from"]), endpoint(line["to"])
        if "register" in line:
            register = self._register(line["register"])
            return _relayed(register, line["behind"], local) if "behind" in line else register
        if "ack" in line:
            return self._ack(line["ack"])
        if "info" in line:
            return self._info(line["info"])
        return _request(line["request"], source, local)

    def _key(self, held: dict[str, Any]) -> Key:
        """The key to sign with: ``secret`` is one that no site has, ``next`` the coming one."""
        if "secret" in held:
            return Key(held["secret"].encode())
        name = f"{held['site']}/{held.get('key_id', 1)}"
        return self.keys[f"{name} next" if held.get("next") else name]

    def _register(self, held: dict[str, Any]) -> bytes:
        flags = held.get("flags", ["proxy_map_reply", "want_map_notify"])
        algorithm_id = held.get("algorithm_id", 2)
        register = MapRegister(
            int(held["nonce"], 16),
            held.get("key_id", 1),
            algorithm_id,
            bytes(held.get("mac_octets", MAC_OCTETS.get(algorithm_id, 0))),
            tuple(map(record_from, held["records"])),
            **_options(held, flags),
        )
        octets = register.octets()
        if algorithm_id == 0:
            return octets
        signed = self._key(held).sign(octets)
        if "flip_bit_of_octet" in held:
            at = held["flip_bit_of_octet"]
            signed = signed[:at] + bytes((signed[at] ^ 1,)) + signed[at + 1 :]
        return signed

    def _ack(self, held: dict[str, Any]) -> bytes:
        notify = self._notifies[int(held["nonce"], 16)]
        ack = MapNotifyAck(
            notify.nonce,
            notify.key_id,
            notify.algorithm_id,
            bytes(len(notify.authentication_data)),
            notify.records,
            xtr_id=notify.xtr_id,
            site_id=notify.site_id,
        )
        return self._key({"key_id": notify.key_id, **held}).sign(ack.octets())

    def _info(self, held: dict[str, Any]) -> bytes:
        address, mask_len = from_eid_prefix(EidPrefix.parse(held["eid"]))
        nonce, key_id = int(held["nonce"], 16), held.get("key_id", 1)
        request = InfoRequest(nonce, key_id, bytes(32), 0, address, mask_len, algorithm_id=2)
        return self._key(held).sign(request.octets())


def _options(held: dict[str, Any], flags: Iterable[str]) -> dict[str, Any]:
    """The flags that are set, and the trailer where there is one."""
    options: dict[str, Any] = dict.fromkeys(flags, True)
    if "xtr_id" in held:
        options["xtr_id"] = bytes.fromhex(held["xtr_id"])
        options["site_id"] = bytes.fromhex(held.get("site_id", "00" * 8))
    return options


def _relayed(register: bytes, device: str, local: Endpoint) -> bytes:
    """A Map-Register as an RTR passes it on for a device behind an address translator."""
    inner = build_ip_udp(device, local.host, 49153, 4342, register)
    return Ecm(inner, rtr_relayed=True).octets()


def _request(held: dict[str, Any], source: Endpoint, local: Endpoint) -> bytes:
    """A Map-Request, in an ECM unless it says ``bare``.

    The inner packet goes to the first EID, and comes from ``inner_source``, else
    from the ITR itself. ``protected`` asks for LISP-SEC, under a secret.
    """
    prefixes = [EidPrefix.parse(text) for text in held["eids"]]
    rlocs: list[Address] = [
        NoAddress() if text == "none" else ip_address(text)
        for text in held.get("itr_rlocs", [source.host])
    ]
    request = MapRequest(
        int(held["nonce"], 16),
        NoAddress(),
        tuple(rlocs),
        tuple(
            MapRequestRecord(
                *from_eid_prefix(prefix),
                notification_requested=held.get("notification_requested", False),
            )
            for prefix in prefixes
        ),
        **_options(held, held.get("flags", ())),
    )
    if held.get("bare"):
        return request.octets()
    first, _ = from_eid_prefix(
        EidPrefix(0, prefixes[0].family, prefixes[0].network, prefixes[0].length)
    )
    destination = first.text if isinstance(first, Ipv4 | Ipv6) else local.host
    inner_source = held.get("inner_source", source.host)
    port = held.get("source_port", source.port)
    ecm = Ecm(build_ip_udp(inner_source, destination, port, 4342, request.octets())).octets()
    if "protected" not in held:
        return ecm
    wanted = held["protected"]
    itr = SecureItr(wanted["secret"].encode(), wanted.get("key_id", 1))
    return itr.protects(ecm, request.nonce)
