"""Builds the packets that travel on the ALT, for the tests of this folder."""

from __future__ import annotations

from mapsys.wire.address import Address, NoAddress, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.lcaf import InstanceId
from mapsys.wire.map_request import MapRequest, MapRequestRecord

ITR = "192.0.2.21"
ITR6 = "2001:db8:f::21"
LISP_SEC = (
    bytes.fromhex("01000001 0018 0001 1122334455667788") + bytes(16) + bytes.fromhex("0004 0001")
)
"""Authentication data as a Map-Resolver sends it on: a One-Time Key and an empty EID-AD."""


def map_request(
    eid: str,
    *,
    nonce: int = 7,
    instance_id: int = 0,
    itr_rlocs: tuple[str, ...] = (ITR,),
    probe: bool = False,
    smr: bool = False,
) -> MapRequest:
    """A Map-Request for one host EID."""
    address: Address = ip_address(eid)
    mask_len = 128 if ":" in eid else 32
    if instance_id:
        address = InstanceId(instance_id, address)
    return MapRequest(
        nonce,
        NoAddress(),
        tuple(ip_address(rloc) for rloc in itr_rlocs),
        (MapRequestRecord(address, mask_len),),
        probe=probe,
        smr=smr,
    )


def alt_packet(
    eid: str,
    payload: bytes | None = None,
    *,
    source: str | None = None,
    nonce: int = 7,
    hop_limit: int = 32,
    source_port: int = 4342,
    destination_port: int = 4342,
) -> bytes:
    """An ALT datagram for an EID: around a Map-Request for it, or another payload."""
    if payload is None:
        payload = map_request(eid, nonce=nonce).octets()
    if source is None:
        source = ITR6 if ":" in eid else ITR
    return build_ip_udp(source, eid, source_port, destination_port, payload, hop_limit=hop_limit)


def secured(eid: str, *, nonce: int = 7) -> bytes:
    """A Map-Request in LISP-SEC's ECM: the payload of an ALT datagram."""
    inner = build_ip_udp(ITR, eid, 61000, 4342, map_request(eid, nonce=nonce).octets())
    return Ecm(inner, security=LISP_SEC).octets()
