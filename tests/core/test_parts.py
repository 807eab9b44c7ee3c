"""The small parts of the core by themselves: budgets, holes, details, versions, locators."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsys.core.admission import is_older_map_version
from mapsys.core.details import Details, describe_registrant, registrant_of
from mapsys.core.effects import Endpoint
from mapsys.core.holes import common_hole, free_part
from mapsys.core.limiter import Rate, TokenBuckets
from mapsys.core.publish import forwarding_host
from mapsys.core.replies import negative_record
from mapsys.core.resolution import Outcome, Resolution, Why
from mapsys.core.site import SiteTable
from mapsys.eid import EidPrefix, Family
from mapsys.table import PrefixTable
from mapsys.wire.address import DistinguishedName, ip_address
from mapsys.wire.lcaf import AfiList, InstanceId, KeyValue
from mapsys.wire.records import RlocRecord
from tests.core.world import ONE, TWO, site


def test_a_bucket_fills_up_again_to_its_burst() -> None:
    buckets = TokenBuckets(Rate(per_second=2, burst=3))
    assert [buckets.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b", 0.0)
    assert [buckets.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [buckets.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_no_rate_is_no_limit() -> None:
    assert all(TokenBuckets(None).take("a", 0.0) for _ in range(1000))


@given(st.lists(st.integers(0, 500), max_size=2000))
def test_the_table_of_buckets_stays_bounded(keys: list[int]) -> None:
    buckets = TokenBuckets(Rate(1, 1), table_size=64)
    for key in keys:
        buckets.take(str(key), 0.0)
    assert len(buckets) <= 64


def test_map_versions_compare_as_serial_numbers() -> None:
    assert is_older_map_version(1, 2)
    assert is_older_map_version(4095, 1)
    assert not is_older_map_version(1, 4095)
    assert not is_older_map_version(2, 2)
    assert not is_older_map_version(0, 2)
    assert not is_older_map_version(2, 0)


v4_prefixes = st.builds(
    lambda address, length: EidPrefix.masked(0, Family.IPV4, address, length),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
)


@given(st.lists(v4_prefixes, max_size=30), v4_prefixes, st.integers(0, 32))
def test_a_common_hole_is_free_and_as_large_as_can_be(
    known: list[EidPrefix], eid: EidPrefix, shortest: int
) -> None:
    shortest = min(shortest, eid.length)
    tables: tuple[PrefixTable[int], PrefixTable[int]] = (PrefixTable(), PrefixTable())
    for index, prefix in enumerate(known):
        tables[index % 2].put(prefix, index)
    overlapping = [k for k in known if k.covers(eid) or eid.covers(k)]
    hole = common_hole(eid, shortest, tables)
    if overlapping:
        assert hole is None
        return
    assert hole is not None
    assert hole.covers(eid)
    assert hole.length >= shortest
    assert not any(hole.covers(k) or k.covers(hole) for k in known)
    if hole.length > shortest:
        wider = hole.truncated(hole.length - 1)
        assert any(wider.covers(k) or k.covers(wider) for k in known)


@given(st.lists(v4_prefixes, max_size=30), v4_prefixes)
def test_a_free_part_is_free_and_as_large_as_can_be(known: list[EidPrefix], eid: EidPrefix) -> None:
    def is_occupied(prefix: EidPrefix) -> bool:
        return any(prefix.covers(k) for k in known)

    part = free_part(eid, 0, is_occupied)
    if is_occupied(eid):
        assert part is None
        return
    assert part is not None
    assert not is_occupied(part)
    assert part.length == 0 or is_occupied(part.truncated(part.length - 1))


def test_holes_among_names_end_on_an_octet_and_opaque_eids_stay_whole() -> None:
    table: PrefixTable[int] = PrefixTable()
    table.put(EidPrefix.parse('"printer"'), 1)
    hole = common_hole(EidPrefix.parse('"plotter"'), 0, (table,))
    assert str(hole) == '"pl"'
    opaque = EidPrefix.of_opaque(b"whatever")
    assert common_hole(opaque, 0, (table,)) == opaque


def test_site_table_knows_what_lies_beside_an_eid() -> None:
    table = SiteTable((site("one", ONE, "10.0.0.0/8"), site("two", TWO, "10.1.0.0/16")))
    assert [s.name for s in table] == ["one", "two"]
    assert len(table) == 2
    assert table.named("two") is not None
    assert table.named("three") is None
    assert str(table.hole(EidPrefix.parse("10.2.0.1"), 8)) == "10.2.0.0/15"
    assert str(table.hole(EidPrefix.parse("11.2.0.1"), 0)) == "11.0.0.0/8"
    assert table.hole(EidPrefix.parse("10.0.0.0/8"), 0) is None
    assert str(table.hole(EidPrefix.parse("10.1.0.0/16"), 0)) == "10.1.0.0/16"
    with pytest.raises(ValueError, match=r"two sites hold 10\.0\.0\.0/8"):
        SiteTable((site("one", ONE, "10.0.0.0/8"), site("two", TWO, "10.0.0.0/8")))


def test_damaged_details_are_said_to_be() -> None:
    whole = Details(
        "s", 1, 2, 32, 0, 180, 5, Endpoint("192.0.2.1", 1), Endpoint("::1", 2), bytes(8)
    ).pack()
    assert Details.unpack(whole).local == Endpoint("::1", 2)
    for length in range(len(whole) - len("s")):
        with pytest.raises(ValueError, match="damaged registration details"):
            Details.unpack(whole[:length])


def test_a_registrant_is_shown_as_its_xtr_id_or_address() -> None:
    assert describe_registrant(registrant_of(bytes(range(16)), "::1")) == bytes(range(16)).hex()
    assert describe_registrant(registrant_of(None, "192.0.2.1")) == "192.0.2.1"
    assert describe_registrant(registrant_of(None, "2001:db8::1")) == "2001:db8::1"


def test_where_a_locator_leads_to() -> None:
    def towards(address: object, families: frozenset[int] = frozenset((4, 6))) -> str | None:
        return forwarding_host(RlocRecord(address, 1, 1, 255, 0), families)  # type: ignore[arg-type]

    v4, v6 = ip_address("192.0.2.1"), ip_address("2001:db8::1")
    assert towards(v4) == "192.0.2.1"
    assert towards(v6, frozenset({4})) is None
    assert towards(v4, frozenset({6})) is None
    assert towards(AfiList((v6, v4)), frozenset({4})) == "192.0.2.1"
    assert towards(InstanceId(7, v4)) == "192.0.2.1"
    assert towards(DistinguishedName(b"etr")) is None
    assert towards(AfiList((DistinguishedName(b"etr"),))) is None
    assert towards(KeyValue(DistinguishedName(b"k"), v4)) is None


def test_only_a_negative_answer_has_a_negative_record() -> None:
    answer = Resolution(EidPrefix.parse("10.1.1.1"), Outcome.FORWARD, Why.REGISTERED)
    with pytest.raises(ValueError, match="is not negative"):
        negative_record(answer)
