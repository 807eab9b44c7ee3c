"""Values that no octets can carry are refused when they are written, or built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mapsys.wire.address import (
    AsNumberAddress,
    DistinguishedName,
    Ipv4,
    Ipv6,
    Mac,
    NoAddress,
    ip_address,
)
from mapsys.wire.cursor import Writer
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.records import Action, EidRecord, ReferralRecord, RlocRecord, Signature
from mapsys.wire.shared_extension import SharedExtension

EID = Ipv4(bytes((192, 0, 2, 0)))
RLOC = RlocRecord(EID, 1, 100, 255, 0)
RECORD = EidRecord(1440, EID, 24, (RLOC,))
REQUEST = MapRequest(1, NoAddress(), (EID,), (MapRequestRecord(EID, 32),))
REGISTER = MapRegister(1, 0, 2, bytes(16), (RECORD,))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Ipv4(bytes(16)),
        lambda: Ipv6(bytes(4)),
        lambda: Mac(bytes(8)),
        lambda: Mac(bytes(6), afi=1),
        lambda: DistinguishedName(b"a\0b"),
        lambda: ip_address("site-one"),
    ],
)
def test_address_that_is_none_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"address|octets|AFI|NUL"):
        build()


@pytest.mark.parametrize(
    ("request_with", "fault"),
    [
        ({"itr_rlocs": ()}, "1 to 32 ITR-RLOCs"),
        ({"itr_rlocs": (EID,) * 33}, "1 to 32 ITR-RLOCs"),
        ({"records": REQUEST.records * 256}, "at most 255 records"),
        ({"nonce": 1 << 64}, "out of range"),
        ({"xtr_id": bytes(16)}, "together"),
        ({"site_id": bytes(8)}, "together"),
        ({"xtr_id": bytes(15), "site_id": bytes(8)}, "16 octets"),
        ({"xtr_id": bytes(16), "site_id": bytes(9)}, "16 octets"),
        ({"records": (MapRequestRecord(EID, 256),)}, "out of range"),
    ],
)
def test_map_request_out_of_range_is_not_written(
    request_with: dict[str, object], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        dataclasses.replace(REQUEST, **request_with).octets()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record_with", "fault"),
    [
        ({"record_ttl_minutes": -1}, "out of range"),
        ({"mask_len": 256}, "out of range"),
        ({"action": 8}, "out of range"),
        ({"map_version": 4096}, "12 bits"),
        ({"rlocs": (RLOC,) * 256}, "out of range"),
        ({"rlocs": (dataclasses.replace(RLOC, priority=256),)}, "out of range"),
        ({"eid": AsNumberAddress(1 << 32)}, "does not fit"),
    ],
)
def test_record_out_of_range_is_not_written(record_with: dict[str, object], fault: str) -> None:
    record = dataclasses.replace(RECORD, **record_with)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=fault):
        record.octets()


def test_referral_out_of_range_is_not_written() -> None:
    signature = Signature(1440, 0, 0, 0, 2, b"")
    for referral in (
        ReferralRecord(1440, EID, 24, map_version=4096),
        ReferralRecord(1440, EID, 24, signatures=(signature,) * 16),
        ReferralRecord(1440, EID, 24, signatures=(dataclasses.replace(signature, key_tag=-1),)),
    ):
        with pytest.raises(ValueError, match=r"out of range|12 bits"):
            referral.write(Writer())


def test_message_out_of_range_is_not_written() -> None:
    with pytest.raises(ValueError, match="at most 255 records"):
        dataclasses.replace(REGISTER, records=(RECORD,) * 256).octets()
    with pytest.raises(ValueError, match="out of range"):
        dataclasses.replace(REGISTER, key_id=256).octets()
    with pytest.raises(ValueError, match="AD Type"):
        MapReply(1, (), security=b"").octets()
    with pytest.raises(ValueError, match="4095"):
        SharedExtension(4096, b"").octets()


def test_record_is_the_same_alone_and_in_a_message() -> None:
    assert REGISTER.octets().endswith(RECORD.octets())


def test_host_bits_stay_in_the_record_and_leave_the_eid_prefix() -> None:
    record = EidRecord(1440, ip_address("192.0.2.77"), 24)
    assert record.eid == ip_address("192.0.2.77")
    assert str(record.eid_prefix) == "192.0.2.0/24"
    assert str(ReferralRecord(1440, record.eid, 24).eid_prefix) == "192.0.2.0/24"
    assert str(MapRequestRecord(record.eid, 24).eid_prefix) == "192.0.2.0/24"


def test_actions_are_numbered_as_assigned() -> None:
    assert [action.name for action in sorted(Action)] == [
        "NO_ACTION",
        "NATIVELY_FORWARD",
        "SEND_MAP_REQUEST",
        "DROP",
        "DROP_POLICY_DENIED",
        "DROP_AUTH_FAILURE",
    ]
    assert [action.value for action in sorted(Action)] == [0, 1, 2, 3, 4, 5]
