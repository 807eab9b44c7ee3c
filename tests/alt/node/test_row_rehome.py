"""A tunnel is re-homed between two running nodes: made before broken, undone where it fails."""

from __future__ import annotations

import json
import subprocess
import threading
import time

import pytest

from tests.alt.node.row import AltDaemon, Row, run_command, until

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

OLD_AT_MSPA = "      - {name: arin, "
NEW_AT_MSPA = """\
      - {name: arin-b, neighbor: arin, remote: 192.0.2.1, key: KEY, inner: 10.255.0.33/31,
         role: parent, peer-as: 65101, hold-time: 9s}
"""


def with_new_tunnel(key: int) -> str:
    return NEW_AT_MSPA.replace("KEY", str(key))


def instead(key: int, text: str) -> str:
    """mspa's configuration with the new tunnel in place of the old one."""
    return text[: text.index(OLD_AT_MSPA)] + with_new_tunnel(key)


def steps_of(node: AltDaemon) -> dict[str, str]:
    """The steps of the last operation with their states, and "" for its own."""
    run = node.command("alt", "operation")
    assert run.exit_code == 0, run.output
    lines = [line.split() for line in run.stdout.splitlines()[1:-1]]
    return {words[0]: words[1] for words in lines}


def tunnels_of(node: AltDaemon) -> set[str]:
    return {t["name"] for t in node.shown("alt", "tunnels") if t["name"] is not None}


class Asking:
    """Asks for a hole of mspa's at the far end, again and again, meanwhile."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers: list[bool] = []

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            answer = self._row.ask("198.18.5.1", patience=1.0, count=1)
            self.answers.append(answer is not None and answer.map_replier.host == "192.0.2.2")
            time.sleep(0.05)


def test_an_order_that_the_file_does_not_bear_out_is_refused(row: Row) -> None:
    mspa = row["mspa"]
    for words, sentence in (
        (("arin", "arin-b"), "the file has no tunnel arin-b; add it in place of arin"),
        (("ripe", "arin"), "there is no tunnel ripe now; there are arin"),
    ):
        run = mspa.command("alt", "rehome", *words)
        assert run.exit_code == 5
        assert sentence in run.output
        noted = json.loads((mspa.state / "audit.jsonl").read_text().splitlines()[-1])
        assert (noted["what"], noted["names"]) == ("alt-order", " ".join(words))
        assert noted["result"].startswith(f"refused: {sentence}")
    missing = mspa.command("alt", "operation")
    assert (missing.exit_code, "no operation was begun" in missing.output) == (3, True)


def test_a_dry_run_tells_the_steps_and_does_nothing(row: Row) -> None:
    mspa = row["mspa"]
    mspa.configure(change=lambda text: instead(1016, text))
    run = mspa.command("alt", "rehome", "arin", "arin-b", "--dry-run")
    assert run.exit_code == 0, run.output
    steps = ["tunnel", "session", "routes", "probe", "switch", "verify", "commit"]
    assert [line.split()[0] for line in run.stdout.splitlines()[1:-1]] == steps
    assert run.stdout.splitlines()[-1] == "nothing was done"
    assert tunnels_of(mspa) == {"arin"}
    assert mspa.command("alt", "operation").exit_code == 3


def test_nothing_is_built_on_a_configuration_on_trial(row: Row) -> None:
    mspa = row["mspa"]
    mspa.configure()
    assert mspa.command("reload", "--confirm-within", "600").exit_code == 0
    mspa.configure(change=lambda text: instead(1016, text))
    refused = mspa.command("alt", "rehome", "arin", "arin-b")
    assert refused.exit_code == 5
    assert "the configuration in force is not confirmed; 'mapsys reload confirm'" in refused.output
    assert mspa.command("alt", "rehome", "arin", "arin-b", "--dry-run").exit_code == 0
    assert mspa.command("alt", "operation").exit_code == 3
    assert mspa.command("reload", "undo").exit_code == 0
    assert tunnels_of(mspa) == {"arin"}


def test_a_tunnel_without_another_end_is_closed_again(row: Row) -> None:
    mspa = row["mspa"]
    mspa.configure(change=lambda text: instead(4711, text))
    ordered: list[subprocess.CompletedProcess[str]] = []

    def order() -> None:
        words = ("alt", "rehome", "arin", "arin-b", "--wait", "4", "--state", str(mspa.state))
        ordered.append(run_command(mspa.namespace, *words))

    thread = threading.Thread(target=order)
    thread.start()
    until(lambda: tunnels_of(mspa) == {"arin", "arin-b"}, lambda: "the new tunnel is not there")
    assert mspa.reload() == "reload-refused"
    assert "under way; reload afterwards" in mspa.named("reload-refused")[-1]["why"]
    busy = mspa.command("alt", "rehome", "arin", "arin-b")
    assert busy.exit_code == 5
    thread.join(120)
    assert ordered[0].returncode == 1
    assert "a session over arin-b did not come within 4 s" in ordered[0].stdout
    assert "everything is as it was before" in ordered[0].stderr
    assert steps_of(mspa) == {
        "tunnel": "done", "session": "failed", "routes": "planned", "probe": "planned",
        "switch": "planned", "verify": "planned", "commit": "planned",
    }  # fmt: skip
    assert tunnels_of(mspa) == {"arin"}
    assert [p["state"] for p in mspa.shown("alt", "peers")] == ["up"]


def test_requests_are_answered_all_the_while_a_tunnel_is_re_homed(row: Row) -> None:
    mspa, arin = row["mspa"], row["arin"]
    mspa.configure(change=lambda text: instead(1016, text))
    with Asking(row) as asking:
        run = mspa.command("alt", "rehome", "arin", "arin-b")
        time.sleep(0.5)
    assert run.exit_code == 0, run.output
    assert set(steps_of(mspa).values()) == {"done"}
    assert tunnels_of(mspa) == {"arin-b"}
    assert [(p["name"], p["state"]) for p in mspa.shown("alt", "peers")] == [("arin-b", "up")]
    assert len(asking.answers) > 5
    assert all(asking.answers)
    ways = {r["eid_prefix"]: r["peer"] for r in arin.shown("alt", "routes") if r["in_use"]}
    assert ways["198.18.0.0/21"] == "mspa-b"
    trail = [json.loads(x) for x in (mspa.state / "audit.jsonl").read_text().splitlines()]
    orders = [(e["kind"], e["names"]) for e in trail if e["what"] == "alt-order"]
    assert orders[-1] == ("rehome", "arin arin-b")
    # What is in force is what the file says: a reload finds nothing to change.
    assert mspa.reload() == "reloaded"
    assert tunnels_of(mspa) == {"arin-b"}
