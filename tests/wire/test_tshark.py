"""tshark, which knows nothing of this code, reads what it writes.

One capture holds every vector and a few hundred messages drawn at random, over
IPv4 and IPv6; one run of tshark reads it all. Random messages are drawn from what
tshark 4.0 has a dissector for: it has none for Map-Notify-Ack, for the Shared
Extension, for six LCAF types and for addresses of AFI 18 and 16389.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mapsys.wire.address import (
    Address,
    DistinguishedName,
    Ipv4,
    Ipv6,
    Mac,
    NoAddress,
)
from mapsys.wire.ecm import Ecm
from mapsys.wire.info import InfoReply, InfoRequest
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.lcaf import (
    AfiList,
    AsNumber,
    ExplicitLocatorPath,
    InstanceId,
    KeyValue,
    MulticastInfo,
    NatTraversal,
    NonceLocator,
    ReencapHop,
    ReplicationEntry,
    ReplicationList,
    SourceDestKey,
)
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import Message, decode
from mapsys.wire.records import EidRecord, ReferralRecord
from mapsys.wire.shared_extension import SharedExtension
from tests import strategies as drawn
from tests.programs import require_program
from tests.wire.pcap import write_pcap
from tests.wire.vectors import load_vectors

SAMPLES_PER_MESSAGE = 40
TSHARK_SECONDS = 60

Fields = dict[str, list[str]]

FIELDS = (
    "lisp.type",
    "lisp.records",
    "lisp.nonce",
    "lisp.irc",
    "lisp.mreq.flags.auth",
    "lisp.mreq.flags.probe",
    "lisp.mreq.flags.smr",
    "lisp.mreq.flags.pitr",
    "lisp.mreq.flags.smri",
    "lisp.mreq.srceid.ipv4",
    "lisp.mreq.srceid_ipv6",
    "lisp.mreq.itr_rloc_ipv4",
    "lisp.mreq.itr_rloc_ipv6",
    "lisp.mreq.record.prefix.length",
    "lisp.mreq.record.prefix.ipv4",
    "lisp.mreq.record.prefix.ipv6",
    "lisp.mreq.record.prefix.mac",
    "lisp.mreq.record.prefix.dn",
    "lisp.mreg.flags.pmr",
    "lisp.mreg.flags.sec",
    "lisp.mreg.flags.wmn",
    "lisp.keyid",
    "lisp.authlen",
    "lisp.xtrid",
    "lisp.siteid",
    "lisp.info.r",
    "lisp.info.ttl",
    "lisp.info.prefix.masklen",
    "lisp.info.prefix.ipv4",
    "lisp.info.prefix.ipv6",
    "lisp.mapping.ttl",
    "lisp.mapping.loccnt",
    "lisp.mapping.eid.masklen",
    "lisp.mapping.act",
    "lisp.mapping.auth",
    "lisp.mapping.ver",
    "lisp.referral.incomplete",
    "lisp.mapping.eid.ipv4",
    "lisp.mapping.eid.ipv6",
    "lisp.mapping.eid.mac",
    "lisp.mapping.eid.dn",
    "lisp.loc.priority",
    "lisp.loc.weight",
    "lisp.loc.multicast_priority",
    "lisp.loc.multicast_weight",
    "lisp.loc.flags.local",
    "lisp.loc.flags.probe",
    "lisp.loc.flags.reach",
    "lisp.loc.locator",
    "lisp.lcaf.iid",
    "lisp.lcaf.iid.ipv4",
    "lisp.lcaf.iid.ipv6",
    "lisp.lcaf.mcinfo_iid",
    "lisp.lcaf.mcinfo.src.masklen",
    "lisp.lcaf.mcinfo.grp.masklen",
    "lisp.lcaf.natt.etrport",
    "lisp.ecm.flags.ddt",
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ip.checksum.status",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "udp.srcport",
    "udp.dstport",
    "udp.checksum.status",
    "_ws.malformed",
    "_ws.expert.message",
)

COMPARED = [name for name in FIELDS if name.startswith("lisp.")]

# What tshark has dissectors for.

rlocs: st.SearchStrategy[Address] = st.one_of(
    drawn.ip_addresses,
    st.builds(AfiList, drawn.tuples_of(drawn.ip_addresses, least=1)),
    st.builds(AsNumber, drawn.uints(32), drawn.ip_addresses),
    st.builds(NonceLocator, drawn.uints(24), drawn.ip_addresses),
    st.builds(
        ExplicitLocatorPath,
        drawn.tuples_of(st.builds(ReencapHop, drawn.ip_addresses, st.booleans()), least=1),
    ),
    st.builds(
        ReplicationList,
        drawn.tuples_of(st.builds(ReplicationEntry, drawn.ip_addresses, drawn.uints(8)), least=1),
    ),
    st.builds(KeyValue, drawn.ip_addresses, drawn.ip_addresses),
)
names = st.text("abcdefghijklmnopqrstuvwxyz.", min_size=1, max_size=12).map(
    lambda name: (DistinguishedName(name.encode()), 8 * len(name) + 8)
)
macs = drawn.octets(6).map(lambda packed: (Mac(packed), 48))
source_dest_keys = st.builds(
    SourceDestKey, drawn.ip_addresses, drawn.uints(5), drawn.ip_addresses, drawn.uints(5)
).map(lambda key: (key, 0))
ip_eids = st.one_of(
    st.tuples(drawn.ipv4_addresses, st.integers(0, 32)),
    st.tuples(drawn.ipv6_addresses, st.integers(0, 128)),
)
instance_eids = st.builds(
    lambda instance_id, eid: (InstanceId(instance_id, eid[0]), eid[1]), drawn.uints(32), ip_eids
)
multicast_eids = st.builds(
    lambda instance_id, source, group: (MulticastInfo(instance_id, source, 32, group, 32), 0),
    drawn.uints(32),
    drawn.ipv4_addresses,
    drawn.ipv4_addresses,
)
eids: st.SearchStrategy[tuple[Address, int]] = st.one_of(
    ip_eids, macs, names, instance_eids, multicast_eids, source_dest_keys
)
requests = drawn.map_requests(eids, drawn.ip_addresses).filter(lambda request: request.records)
inner_ports = st.tuples(st.integers(49152, 65535), st.just(4342))
"""tshark goes by the port, and knows other protocols by lower ones."""

messages: dict[str, st.SearchStrategy[Message]] = {
    "map-request": requests,
    "map-reply": drawn.map_replies(eids, rlocs),
    "map-register": drawn.map_registers(eids, rlocs),
    "map-notify": drawn.map_notifies(eids, rlocs),
    "map-notify-ack": drawn.map_notify_acks(eids, rlocs),
    "map-referral": drawn.map_referrals(eids, rlocs, signatures=st.just(())),
    "info-request": drawn.info_requests(ip_eids),
    "info-reply": drawn.info_replies(ip_eids, drawn.ip_addresses),
    "shared-extension": drawn.shared_extensions.filter(lambda message: len(message.data) >= 14),
    "ecm": drawn.ecms(requests, st.none(), inner_ports),
    "ecm-map-register": drawn.ecms(drawn.map_registers(eids, rlocs), st.none(), inner_ports),
}


class Reading(NamedTuple):
    """A message, and what tshark found in it."""

    name: str
    message: Message
    fields: Fields


def sampled(strategy: st.SearchStrategy[Message]) -> list[Message]:
    """The same messages in every run."""
    samples: list[Message] = []

    @settings(
        max_examples=SAMPLES_PER_MESSAGE,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
    )
    @given(strategy)
    def collect(message: Message) -> None:
        samples.append(message)

    collect()
    return samples


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> list[Reading]:
    """Every message, read by one run of tshark."""
    tshark = require_program("tshark", "tshark")
    named = [
        (vector.name, vector.octets, decode(vector.octets))
        for vector in load_vectors()
        if vector.reason is None
    ]
    for kind, strategy in messages.items():
        for number, message in enumerate(sampled(strategy)):
            named.append((f"{kind}/{number}", message.octets(), message))
    capture = tmp_path_factory.mktemp("tshark") / "messages.pcap"
    ends = (("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2"))
    write_pcap(
        capture,
        (
            build_ip_udp(*ends[number % 2], 4342, 4342, octets)
            for number, (_, octets, _) in enumerate(named)
        ),
    )
    lines = list(run_tshark(tshark, capture))
    assert len(lines) == len(named)
    return [
        Reading(name, message, fields)
        for (name, _, message), fields in zip(named, lines, strict=True)
    ]


def run_tshark(tshark: str, capture: Path) -> Iterator[Fields]:
    command = [tshark, "-n", "-r", str(capture), "-T", "fields", "-E", "aggregator=;"]
    for protocol in ("ip", "udp"):
        command += ["-o", f"{protocol}.check_checksum:TRUE"]
    for name in FIELDS:
        command += ["-e", name]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TSHARK_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        values = line.split("\t")
        yield {name: value.split(";") for name, value in zip(FIELDS, values, strict=True) if value}


def test_no_message_is_malformed(readings: list[Reading]) -> None:
    assert [reading.name for reading in readings if "_ws.malformed" in reading.fields] == []


def test_drawn_messages_leave_nothing_undissected(readings: list[Reading]) -> None:
    complaints = ("cannot decode", "Not dissected", "Invalid", "incorrect packet")
    undissected = {
        (reading.name, said)
        for reading in readings
        if "/" in reading.name and not ends_in_host_name(reading.message)
        for said in reading.fields.get("_ws.expert.message", [])
        if any(complaint in said for complaint in complaints)
    }
    assert undissected == set()


def ends_in_host_name(message: Message) -> bool:
    """tshark takes the draft by its letter, and not what an implementation does with it."""
    return isinstance(message, InfoRequest) and message.host_name is not None


def test_checksums_of_inner_and_outer_headers_are_right(readings: list[Reading]) -> None:
    for reading in readings:
        if "without-udp-checksum" in reading.name:
            continue
        for name in ("ip.checksum.status", "udp.checksum.status"):
            assert set(reading.fields.get(name, ["1"])) == {"1"}, (reading.name, name)


def test_drawn_messages_mean_the_same_to_tshark(readings: list[Reading]) -> None:
    compared = 0
    for reading in readings:
        if "/" not in reading.name:
            continue
        read = {name: reading.fields[name] for name in COMPARED if name in reading.fields}
        assert read == dict(lisp_fields(reading.message)), reading.name
        compared += 1
    assert compared >= len(messages) * SAMPLES_PER_MESSAGE // 2


def test_inner_headers_mean_the_same_to_tshark(readings: list[Reading]) -> None:
    seen = set()
    for reading in readings:
        if not isinstance(reading.message, Ecm) or reading.message.security is not None:
            continue
        inner, fields = reading.message.inner_header, reading.fields
        version = "ipv6" if ":" in inner.source else "ip"
        seen.add(version)
        assert fields[f"{version}.src"][-1] == inner.source, reading.name
        assert fields[f"{version}.dst"][-1] == inner.destination, reading.name
        hop_limit = fields["ipv6.hlim" if version == "ipv6" else "ip.ttl"][-1]
        assert hop_limit == str(inner.hop_limit), reading.name
        assert fields["udp.srcport"][-1] == str(inner.source_port), reading.name
        assert fields["udp.dstport"][-1] == str(inner.destination_port), reading.name
    assert seen == {"ip", "ipv6"}


# What tshark should find, field by field, said apart from the code under test.


def lisp_fields(message: Message) -> Fields:
    fields: Fields = defaultdict(list)
    if isinstance(message, Ecm):
        fields["lisp.type"].append("8")
        put(fields, "lisp.ecm.flags.ddt", message.ddt_originated)
        message = message.message
    if isinstance(message, SharedExtension | MapNotifyAck):
        put(fields, "lisp.type", message.TYPE)
        return fields
    put(fields, "lisp.type", message.TYPE)
    fields["lisp.nonce"].append(f"0x{message.nonce:016x}")
    if isinstance(message, InfoRequest | InfoReply):
        put_info(fields, message)
        return fields
    put(fields, "lisp.records", len(message.records))
    if isinstance(message, MapRequest):
        put_request(fields, message)
        return fields
    if isinstance(message, MapRegister):
        put(fields, "lisp.mreg.flags.pmr", message.proxy_map_reply)
        put(fields, "lisp.mreg.flags.sec", message.security_capable)
        put(fields, "lisp.mreg.flags.wmn", message.want_map_notify)
    if isinstance(message, MapRegister | MapNotify):
        put_authentication(fields, message)
        if message.xtr_id is not None and message.site_id is not None:
            fields["lisp.xtrid"].append(message.xtr_id.hex())
            fields["lisp.siteid"].append(message.site_id.hex())
    for record in message.records:
        put_record(fields, record)
    return fields


def put(fields: Fields, name: str, value: int) -> None:
    fields[name].append(str(int(value)))


def put_authentication(
    fields: Fields, message: MapRegister | MapNotify | InfoRequest | InfoReply
) -> None:
    fields["lisp.keyid"].append(f"0x{message.key_id:02x}{message.algorithm_id:02x}")
    put(fields, "lisp.authlen", len(message.authentication_data))


def put_info(fields: Fields, message: InfoRequest | InfoReply) -> None:
    put(fields, "lisp.info.r", isinstance(message, InfoReply))
    put_authentication(fields, message)
    put(fields, "lisp.info.ttl", message.ttl_minutes)
    put(fields, "lisp.info.prefix.masklen", message.mask_len)
    put_address(fields, "lisp.info.prefix", message.eid)
    if isinstance(message, InfoReply):
        put(fields, "lisp.lcaf.natt.etrport", message.nat.etr_port)


def put_request(fields: Fields, request: MapRequest) -> None:
    put(fields, "lisp.irc", len(request.itr_rlocs) - 1)
    put(fields, "lisp.mreq.flags.auth", request.authoritative)
    put(fields, "lisp.mreq.flags.probe", request.probe)
    put(fields, "lisp.mreq.flags.smr", request.smr)
    put(fields, "lisp.mreq.flags.pitr", request.pitr)
    put(fields, "lisp.mreq.flags.smri", request.smr_invoked)
    if isinstance(request.source_eid, Ipv4):
        fields["lisp.mreq.srceid.ipv4"].append(request.source_eid.text)
    if isinstance(request.source_eid, Ipv6):
        fields["lisp.mreq.srceid_ipv6"].append(request.source_eid.text)
    for itr_rloc in request.itr_rlocs:
        assert isinstance(itr_rloc, Ipv4 | Ipv6)
        version = "ipv4" if isinstance(itr_rloc, Ipv4) else "ipv6"
        fields[f"lisp.mreq.itr_rloc_{version}"].append(itr_rloc.text)
    for record in request.records:
        put(fields, "lisp.mreq.record.prefix.length", record.mask_len)
        put_address(fields, "lisp.mreq.record.prefix", record.eid)
    if request.map_data is not None:
        put_record(fields, request.map_data)


def put_record(fields: Fields, record: EidRecord | ReferralRecord) -> None:
    put(fields, "lisp.mapping.ttl", record.record_ttl_minutes)
    put(fields, "lisp.mapping.eid.masklen", record.mask_len)
    put(fields, "lisp.mapping.act", record.action)
    put(fields, "lisp.mapping.auth", record.authoritative)
    put(fields, "lisp.mapping.ver", record.map_version)
    put_address(fields, "lisp.mapping.eid", record.eid)
    if isinstance(record, ReferralRecord):
        put(fields, "lisp.referral.incomplete", record.incomplete)
        locators = record.referrals
    else:
        locators = record.rlocs
    put(fields, "lisp.mapping.loccnt", len(locators))
    for locator in locators:
        put(fields, "lisp.loc.priority", locator.priority)
        put(fields, "lisp.loc.weight", locator.weight)
        put(fields, "lisp.loc.multicast_priority", locator.m_priority)
        put(fields, "lisp.loc.multicast_weight", locator.m_weight)
        put(fields, "lisp.loc.flags.local", locator.local)
        put(fields, "lisp.loc.flags.probe", locator.probed)
        put(fields, "lisp.loc.flags.reach", locator.reachable)
        if isinstance(locator.rloc, Ipv4 | Ipv6):
            fields["lisp.loc.locator"].append(locator.rloc.text)


def put_address(fields: Fields, name: str, address: Address) -> None:
    match address:
        case Ipv4():
            fields[f"{name}.ipv4"].append(address.text)
        case Ipv6():
            fields[f"{name}.ipv6"].append(address.text)
        case Mac(packed):
            fields[f"{name}.mac"].append(packed.hex(":"))
        case DistinguishedName(text):
            fields[f"{name}.dn"].append(text.decode())
        case InstanceId(instance_id, inner):
            put(fields, "lisp.lcaf.iid", instance_id)
            put_address(fields, "lisp.lcaf.iid", inner)
        case MulticastInfo():
            put(fields, "lisp.lcaf.mcinfo_iid", address.instance_id)
            put(fields, "lisp.lcaf.mcinfo.src.masklen", address.source_mask_len)
            put(fields, "lisp.lcaf.mcinfo.grp.masklen", address.group_mask_len)
        case NoAddress() | SourceDestKey() | NatTraversal():
            pass
        case other:
            raise AssertionError(f"no field of tshark is named for {other}")
