"""Captured exchanges of another implementation are read, verified and written again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mapsys.wire.auth import Key
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.message import decode
from tests.wire.pcap import udp_payloads
from tests.wire.vectors import CAPTURE_FOLDER

CAPTURES = sorted(CAPTURE_FOLDER.glob("*.pcap"))

SECRETS = {
    "instance-id.pcap": b"secret-one",
    "register-key-id.pcap": b"key-b",
    "register-proxy-bit.pcap": b"secret-one",
    "register-sha1.pcap": b"secret-one",
    "register-sha2.pcap": b"secret-two",
}
"""Captures in which something is signed, and with what."""

MESSAGES = {
    "Ecm": 16,
    "MapReply": 13,
    "MapRegister": 5,
    "MapNotify": 5,
    "MapNotifyAck": 5,
}


def test_every_captured_message_is_read() -> None:
    kinds = Counter(
        type(decode(payload)).__name__ for path in CAPTURES for payload in udp_payloads(path)
    )
    assert kinds == MESSAGES


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captured_messages_are_written_as_they_were(path: Path) -> None:
    """All but notifications, whose sender leaves out the bit that announces its xTR-ID."""
    for payload in udp_payloads(path):
        message = decode(payload)
        written = message.octets()
        if isinstance(message, MapNotify | MapNotifyAck):
            assert message.xtr_id is not None
            written = bytes((written[0] & 0xF0,)) + written[1:]
        assert written == payload


@pytest.mark.parametrize("name", SECRETS)
def test_captured_macs_verify_with_the_right_secret_only(name: str) -> None:
    signed = [
        payload
        for payload in udp_payloads(CAPTURE_FOLDER / name)
        if isinstance(decode(payload), MapRegister | MapNotify | MapNotifyAck)
    ]
    assert len(signed) == 3
    for payload in signed:
        assert Key(SECRETS[name]).verify(payload)
        assert not Key(b"another").verify(payload)


@pytest.mark.parametrize("name", SECRETS)
def test_no_bit_of_a_captured_register_can_be_flipped(name: str) -> None:
    register = next(udp_payloads(CAPTURE_FOLDER / name))
    key = Key(SECRETS[name])
    for at in range(8 * len(register)):
        flipped = bytearray(register)
        flipped[at // 8] ^= 0x80 >> at % 8
        assert not key.verify(bytes(flipped)), f"bit {at}"
