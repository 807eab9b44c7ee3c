"""Words and numbers: typed by the schema alone, and written so that they read back equal."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsys.config.model import RateLimit
from mapsys.config.rates import Rate
from mapsys.config.scalars import (
    Boolean,
    Choice,
    Duration,
    EndpointText,
    Integer,
    IpAddress,
    Prefix,
    ScalarKind,
    Size,
    Text,
    Timestamp,
)
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix

DAY = 86_400


@pytest.mark.parametrize(
    ("kind", "text", "setting"),
    [
        (Integer(-5, 255), "0", 0),
        (Integer(-5, 255), "-5", -5),
        (Integer(-5, 255), "255", 255),
        (Boolean(), "true", True),
        (Boolean(), "false", False),
        (Choice("auto", "off"), "off", "off"),
        (Duration(0, DAY), "0s", 0),
        (Duration(0, DAY), "90s", 90),
        (Duration(0, DAY), "5m", 300),
        (Duration(0, DAY), "24h", DAY),
        (Duration(0, DAY), "1d", DAY),
        (Size(0, 1 << 40), "7B", 7),
        (Size(0, 1 << 40), "64KiB", 65_536),
        (Size(0, 1 << 40), "8MiB", 8 << 20),
        (Size(0, 1 << 40), "2GiB", 2 << 30),
        (IpAddress(), "192.0.2.1", "192.0.2.1"),
        (IpAddress(), "2001:DB8:0::1", "2001:db8::1"),
        (EndpointText(), "127.0.0.1:4342", Endpoint("127.0.0.1", 4342)),
        (EndpointText(), "[2001:DB8::1]:1", Endpoint("2001:db8::1", 1)),
        (EndpointText(4342), "192.0.2.1", Endpoint("192.0.2.1", 4342)),
        (EndpointText(4342), "192.0.2.1:99", Endpoint("192.0.2.1", 99)),
        (EndpointText(4342), "2001:db8::1", Endpoint("2001:db8::1", 4342)),
        (EndpointText(4342), "[2001:db8::1]:99", Endpoint("2001:db8::1", 99)),
        (
            Timestamp(),
            "2027-01-31T18:00:00Z",
            datetime.datetime(2027, 1, 31, 18, tzinfo=datetime.UTC),
        ),
        (Rate(), "5/s", RateLimit(5, 5)),
        (Rate(), "5/s burst 9", RateLimit(5, 9)),
        (Prefix(), "198.18.1.0/24", EidPrefix.parse("198.18.1.0/24")),
        (Prefix(), "00:00:5e:00:53:01", EidPrefix.parse("00:00:5e:00:53:01/48")),
        (Prefix(), '"printer 12 ü"', EidPrefix.of_name("printer 12 ü".encode())),
        (Prefix(), "(192.0.2.1,232.1.1.1)", EidPrefix.parse("(192.0.2.1,232.1.1.1)")),
        (Prefix(ip_only=True), "192.0.2.7", EidPrefix.parse("192.0.2.7/32")),
    ],
)
def test_a_good_text_is_typed_and_reads_back(
    kind: ScalarKind[Any], text: str, setting: object
) -> None:
    assert kind.parse(text) == setting
    written = kind.write(setting)
    assert isinstance(written, str)
    assert kind.parse(written) == setting


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (Integer(0, 255), "256", "is outside 0 to 255"),
        (Integer(0, 255), "1e2", "is not a whole number from 0 to 255"),
        (Integer(0, 255), "012", "is not a whole number from 0 to 255"),
        (Integer(0, 255), "٣", "is not a whole number from 0 to 255"),
        (Integer(0, 255), "9" * 5_000, "is not a whole number from 0 to 255"),
        (Boolean(), "True", "is neither true nor false"),
        (Boolean(), "1", "is neither true nor false"),
        (Choice("auto", "off"), "of", "is not one of auto, off; did you mean off?"),
        (Duration(1, DAY), "0s", "is outside 1s to 1d"),
        (Duration(1, DAY), "1h30m", "is not a duration such as 60s, 5m or 1h"),
        (Duration(1, DAY), "12:34:56", "is not a duration such as 60s, 5m or 1h"),
        (Size(1, 1 << 20), "2MiB", "is outside 1B to 1MiB"),
        (Size(1, 1 << 20), "2M", "is not a size such as 64KiB or 8MiB"),
        (
            IpAddress(),
            "fe80::1%lo",
            "has a zone, which is not supported; give an address without one",
        ),
        (IpAddress(), "localhost", "has no IPv4 or IPv6 address"),
        (EndpointText(), "192.0.2.1:0", "has port 0, which is outside 1 to 65535"),
        (
            EndpointText(4342),
            "[2001:db8::1]",
            'needs brackets around the IPv6 address, as in "[::1]:4342"',
        ),
        (
            Timestamp(),
            "2027-02-30T00:00:00Z",
            "is not a moment in UTC such as 2027-01-31T18:00:00Z",
        ),
        (Timestamp(), "2027-02-01", "is not a moment in UTC such as 2027-01-31T18:00:00Z"),
        (Prefix(), "00:11:22:33:44:55/24", "has host bits set; did you mean 00:11:22:00:00:00/24?"),
        (Prefix(), "2001:db8::1/48", "has host bits set; did you mean 2001:db8::/48?"),
        (
            Prefix(),
            "10.0.0.0/٣",
            "is not an EID-Prefix such as 198.18.1.0/24 or 2001:db8:e001::/48",
        ),
        (
            Prefix(),
            "fe80::1%lo/128",
            "is not an EID-Prefix such as 198.18.1.0/24 or 2001:db8:e001::/48",
        ),
        (Text("a text", limit=3), "abcd", "has 4 characters; at most 3 are allowed"),
        (Text("a text"), "a\nb", "is not a text"),
    ],
)
def test_a_bad_text_is_refused_with_the_reason(
    kind: ScalarKind[Any], text: str, reason: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole message is compared)
        kind.parse(text)
    assert str(caught.value) == reason


@given(st.integers(0, 7 * DAY))
def test_any_duration_reads_back(seconds: int) -> None:
    kind = Duration(0, 7 * DAY)
    assert kind.parse(str(kind.write(seconds))) == seconds


@given(st.integers(0, 1 << 30))
def test_any_size_reads_back(octets: int) -> None:
    kind = Size(0, 1 << 30)
    assert kind.parse(str(kind.write(octets))) == octets


@given(st.ip_addresses(), st.integers(1, 65_535))
def test_any_endpoint_reads_back(address: object, port: int) -> None:
    text = str(address)
    endpoint = Endpoint(text.partition("%")[0], port)
    assert EndpointText().parse(str(EndpointText().write(endpoint))) == endpoint


@given(st.text(min_size=1, max_size=80))
def test_any_text_is_a_prefix_or_refused_with_a_reason(text: str) -> None:
    try:
        prefix = Prefix().parse(text)
    except ValueError as error:
        reason = str(error)
    else:
        assert Prefix().parse(str(Prefix().write(prefix))) == prefix
        return
    assert reason.startswith(("is ", "has "))
