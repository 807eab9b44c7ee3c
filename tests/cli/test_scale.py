"""``mapsys scale``: the talk's sum, and ours."""

from __future__ import annotations

import json
from dataclasses import replace

from click.testing import CliRunner

from mapsys.cli.main import cli
from mapsys.scale import ScaleInputs, mapping_scale, measured_entry_octets, steps


def test_the_talk_comes_to_a_billion_phones() -> None:
    entry, router, routers, larger = steps(ScaleInputs())
    assert entry.octets == 1_000
    assert (router.octets, router.eids) == (10**9, 10**6)
    assert (routers.routers, routers.eids) == (100, 10**8)
    assert (larger.octets, larger.eids) == (10**10, 10**9)


def test_map_servers_follow_from_rates() -> None:
    inputs = replace(ScaleInputs(), registers_rate=1_000_000, requests_rate=10**9)
    needed = mapping_scale(inputs)
    assert needed.servers_for_registers == 17
    assert needed.servers_for_moves == 1
    assert needed.registration_octets == 228 * 10**9
    assert round(needed.requests_a_second) == 1_157_407
    still = mapping_scale(replace(inputs, moves_a_day=0))
    assert still.servers_for_moves == 0


def test_own_entry_is_measured() -> None:
    few, many = measured_entry_octets(2_000), measured_entry_octets(4_000)
    assert 200 < few < 5_000
    assert abs(few - many) < few / 2


def test_command_prints_the_sum_and_takes_other_figures() -> None:
    runner = CliRunner()
    printed = runner.invoke(cli, ["scale"]).output
    assert "1,000,000,000 EIDs in 100 x 10 GB" in printed
    options = ["--entry-octets", "500", "--routers", "2", "--entries", "10", "-o", "json"]
    item = json.loads(runner.invoke(cli, ["scale", *options]).output)
    assert item["steps"][1]["octets"] == 5_000
    assert item["eids"] == 200


def test_measured_entry_is_used_where_asked_for() -> None:
    item = json.loads(CliRunner().invoke(cli, ["scale", "--measure", "-o", "json"]).output)
    assert 200 < item["steps"][0]["octets"] < 5_000
