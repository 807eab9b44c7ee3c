"""Files damaged at random are accepted or refused with faults; nothing else ever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from tests.config.test_load import ALT, EXAMPLE

WHOLE = (EXAMPLE + ALT).encode()
WORDS = [word.encode() for word in sorted(set((EXAMPLE + ALT).split()))]
STRAY = [b"", b"[", b"]", b"{", b"}", b": ", b"- ", b"\n", b"\t", b"&a ", b"*a", b"!", b"'", b"\0"]

edits = st.lists(
    st.tuples(
        st.integers(0, len(WHOLE)),
        st.integers(0, 12),
        st.one_of(st.sampled_from(WORDS), st.sampled_from(STRAY), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(edits=edits)
def test_a_damaged_file_is_accepted_or_refused(
    edits: list[tuple[int, int, bytes]], tmp_path: Path
) -> None:
    octets = WHOLE
    for offset, length, replacement in edits:
        octets = octets[:offset] + replacement + octets[offset + length :]
    path = tmp_path / "mapsys.yaml"
    path.write_bytes(octets)
    try:
        config = load(path)
    except ConfigError as error:
        refused = error
    else:
        assert config.control.listen
        assert "laboratory" not in dump(config)
        return
    assert refused.faults
    assert all(fault.message and fault.file == str(path) for fault in refused.faults)


@pytest.mark.parametrize("length", range(0, len(WHOLE), 37))
def test_a_file_cut_short_is_accepted_or_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "mapsys.yaml"
    path.write_bytes(WHOLE[:length])
    try:
        load(path)
    except ConfigError as error:
        refused = error
    else:
        return
    assert refused.faults
