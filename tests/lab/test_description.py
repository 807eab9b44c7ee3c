"""The topology of the laboratory, its scenarios and its report, without a network."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from mapsys.cli.exits import ExitCode
from mapsys.cli.main import cli
from mapsys.eid import EidPrefix
from mapsys.lab.drawing import Box, Line, svg
from mapsys.lab.report_pages import DRAWING, HTML, MARKDOWN, write_report
from mapsys.lab.scenario import Outcome, Scenario, scenario, scenarios
from mapsys.lab.whole_topology import load_whole

PAGE = (Path(__file__).parents[2] / "docs" / "lab.md").read_text(encoding="utf-8")


def passes(_: object) -> dict[str, str]:
    return {}


SCENARIO = Scenario("01-x", "A <title>", "A story | of bars.", passes)
PASSED = Outcome(SCENARIO, {"packets": "1 | 2 <3>"}, "", 1.5)
FAILED = Outcome(SCENARIO, {}, "waited 60 s", 60.0)


def test_every_host_has_an_address_of_its_routers_site() -> None:
    topology = load_whole()
    for host in topology.hosts:
        site = topology.site_of(topology.router(host.router))
        address = EidPrefix.parse(host.interface.partition("/")[0])
        assert EidPrefix.parse(site.prefix).covers(address), host.name


def test_no_address_is_given_twice() -> None:
    topology = load_whole()
    by_routers = {router.site for router in topology.routers}
    addresses = [
        *(node.rloc for node in topology.alt.nodes),
        *(site.rloc for site in topology.alt.sites if site.name not in by_routers),
        *(rloc for router in topology.routers for rloc in (*router.rlocs, *router.spare)),
        *(topology.proxy.rloc, topology.outside, topology.attacker),
    ]
    assert len(addresses) == len(set(addresses))


def test_machine_may_move_to_a_router_that_its_home_lets_register_it() -> None:
    topology = load_whole()
    home = topology.site_of(topology.router("north"))
    assert [site.name for site in topology.visits(topology.router("south"))] == [home.name]


def test_every_scenario_has_a_story_and_stands_in_the_page() -> None:
    found = scenarios()
    assert len(found) >= 6
    for one in found:
        assert one.story, one.name
        assert f"`{one.name}`" in PAGE
    assert scenario("resolve").name == scenario("01-resolve").name == "01-resolve"
    with pytest.raises(KeyError):
        scenario("nothing")


def test_drawing_is_svg_with_every_node_and_tunnel_in_it() -> None:
    drawn = [Box("a<b", "mapsys", 0), Box("c", "bird", 0), Box("h", "host", 4)]
    tree = ElementTree.fromstring(svg(drawn, [Line("a<b", "c", "up"), Line("c", "h", "down")]))
    texts = [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[::2] == ["a<b", "c", "h"]
    strokes = [node.get("stroke") for node in tree.iter("{http://www.w3.org/2000/svg}path")]
    assert len(set(strokes)) == 2


def test_report_is_written_in_both_forms_and_nothing_in_it_is_markup(tmp_path: Path) -> None:
    write_report(tmp_path / "lab", "<svg/>", [PASSED, FAILED])
    markdown = (tmp_path / "lab" / MARKDOWN).read_text(encoding="utf-8")
    page = (tmp_path / "lab" / HTML).read_text(encoding="utf-8")
    assert "1 of 2 scenarios passed" in markdown
    assert "| packets | 1 \\| 2 <3> |" in markdown
    assert "**failed**: waited 60 s" in markdown
    assert "A &lt;title&gt;" in page
    assert "2 &lt;3&gt;" in page
    assert (tmp_path / "lab" / DRAWING).read_text(encoding="utf-8") == "<svg/>\n"


def test_command_refuses_what_is_no_scenario_before_it_builds_anything() -> None:
    run = CliRunner().invoke(cli, ["lab", "run", "nothing"])
    assert run.exit_code == ExitCode.USAGE
    assert "01-resolve" in run.output
