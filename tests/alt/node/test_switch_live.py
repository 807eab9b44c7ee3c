"""A site goes from one provider to another while it is being asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.alt.data.lab import underlay
from tests.alt.node.row import SECRET, AltDaemon, Row, run_command

pytestmark = [
    pytest.mark.netns,
    pytest.mark.slow,
    pytest.mark.ability("tun"),
    pytest.mark.ability("raw-gre"),
]

TUNNEL_AT_ARIN = """\
      - {name: mspb, remote: 192.0.2.4, key: 1009, inner: 10.255.0.18/31, role: child,
         peer-as: 65202, hold-time: 9s}
"""
MSPB_BLOCK = "      - {block: 198.18.8.0/21, level: msp, holder: mspb, provider: arin}\n"
SITE_ONE = "holder: site-one, provider: mspa}"
MSPA_BLOCK = "{block: 198.18.0.0/21, level: msp, holder: mspa, provider: arin}"

Change = Callable[[str], str]


def before(text: str) -> str:
    """The plan with both providers; site-one is mspa's."""
    text = text.replace(f"      - {MSPA_BLOCK}\n", f"      - {MSPA_BLOCK}\n{MSPB_BLOCK}")
    start, mark, rest = text.partition("      - {name: mr1, ")
    return start + TUNNEL_AT_ARIN if mark and "name: arin\n" in text else start + mark + rest


def after(text: str) -> str:
    """The plan when site-one is mspb's, as an exception in mspa's block."""
    moved = "holder: site-one, provider: mspb, lineage: [mspa]}"
    allowed = MSPA_BLOCK.replace("}", ", exceptions: 1}")
    return before(text).replace(SITE_ONE, moved).replace(MSPA_BLOCK, allowed)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    with underlay() as net:
        made = Row(net, tmp_path_factory.mktemp("switch"), ("arin", "mspa", "mspb"))
        try:
            for node in made.nodes.values():
                node.configure(change=before)
            made.start()
            yield made
            assert [node.stop() for node in made.nodes.values()] == [0, 0, 0]
        finally:
            made.close()


def register_at(row: Row, map_server: str) -> None:
    run = run_command(
        row.etr, "register", "198.18.1.0/24", "-m", map_server, "--key-id", "1", "--proxy-reply",
        "--secret-env", "SECRET", "--bind", "192.0.2.31", "--once",
        env={"SECRET": SECRET},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


def end_of_way(node: AltDaemon) -> tuple[str, str]:
    """Where Map-Requests for site-one end, seen from a node."""
    way = node.shown("alt", "trace", "198.18.1.5")
    return way["hops"][-1]["node"], way["hops"][-1]["does"]


def switch(node: AltDaemon, *options: str) -> subprocess.CompletedProcess[str]:
    words = ("alt", "switch-provider", "site-one", *options, "--state", str(node.state))
    return run_command(node.namespace, *words)


def test_first_the_new_provider_then_those_above_last_the_old_one(row: Row) -> None:
    arin, mspa, mspb = row["arin"], row["mspa"], row["mspb"]
    register_at(row, "192.0.2.2")
    assert [end_of_way(n) for n in row.nodes.values()] == 3 * [("mspa", "site")]
    nothing = switch(mspb)
    assert nothing.returncode == 5
    assert "the file changes no delegation of site-one" in nothing.stderr

    mspb.configure(change=after)
    dry = switch(mspb, "--dry-run")
    assert "site-one, here the new provider" in dry.stdout
    too_early = switch(mspb, "--wait", "2")
    assert too_early.returncode == 1
    assert "a registration of site-one at this node" in too_early.stdout
    assert end_of_way(mspb) == ("mspa", "site"), "everything is as it was"
    register_at(row, "192.0.2.4")
    [refused] = mspb.shown("alt", "rejected")
    assert (refused["eid_prefix"], refused["peer"]) == ("198.18.1.0/24", None)
    done = switch(mspb)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "told arin" in done.stdout
    assert mspb.shown("alt", "rejected") == []
    assert end_of_way(arin) == ("mspa", "site"), "still, for whoever asks above"
    [waiting] = arin.shown("alt", "rejected")
    assert (waiting["eid_prefix"], waiting["peer"]) == ("198.18.1.0/24", "mspb")

    arin.configure(change=after)
    above = switch(arin)
    assert above.returncode == 0, above.stdout + above.stderr
    assert "here above both providers" in above.stdout
    assert end_of_way(arin) == ("mspb", "site")
    assert end_of_way(mspa) == ("mspa", "site"), "still, for whoever asks there"

    mspa.configure(change=after)
    last = switch(mspa)
    assert last.returncode == 0, last.stdout + last.stderr
    assert "mspa > arin > mspb: site" in last.stdout
    assert [end_of_way(n) for n in row.nodes.values()] == 3 * [("mspb", "site")]
    exceptions = [d for d in arin.shown("alt", "delegations") if d["is_exception"]]
    assert [(d["eid_prefix"], d["state"]) for d in exceptions] == [("198.18.1.0/24", "present")]
