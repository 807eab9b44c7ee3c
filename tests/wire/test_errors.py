"""The closed set of reasons."""

from __future__ import annotations

import re

from mapsys.wire.errors import WIRE_REASONS, WireError


def test_every_error_has_a_reason_of_its_own() -> None:
    reasons = [error.reason for error in WireError.__subclasses__()]
    assert len(set(reasons)) == len(reasons)
    assert set(reasons) == WIRE_REASONS


def test_reasons_are_fit_for_labels() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", reason) for reason in WIRE_REASONS)
