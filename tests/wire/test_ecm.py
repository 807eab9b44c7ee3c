"""Encapsulated messages: what is inside stays as it is."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings

from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.message import decode
from tests import strategies as drawn


@settings(max_examples=50)
@given(drawn.ecms())
def test_passing_on_leaves_the_inner_packet_alone(ecm: Ecm) -> None:
    passed_on = dataclasses.replace(ecm, to_etr=True, security=None)
    assert passed_on.octets()[4:] == ecm.inner
    assert passed_on.message == ecm.message
    assert passed_on.payload == ecm.message.octets()


@settings(max_examples=50)
@given(drawn.ecms())
def test_headers_say_where_the_message_came_from(ecm: Ecm) -> None:
    again = decode(ecm.octets())
    assert isinstance(again, Ecm)
    assert again.inner_header == ecm.inner_header


def test_cannot_be_built_around_what_is_no_message() -> None:
    with pytest.raises(WireError):
        Ecm(b"no packet")
