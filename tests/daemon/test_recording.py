"""``mapsys run --record``: a fault at an operator's becomes a scenario."""

from __future__ import annotations

import json

from tests.daemon.node import Node, xtr
from tests.scenario import effect_lines


def test_a_recorded_run_is_replayed_with_its_own_configuration(node: Node) -> None:
    file = node.folder / "01-input.jsonl"
    node.launch("--record", str(file))
    node.wait_for("ready")
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        for _ in range(2):
            assert site.asks("198.18.1.77") is not None
    assert node.stop() == 0
    assert node.named("recording-ended")
    kinds = [json.loads(line)["is"] for line in effect_lines(node.config, file)]
    assert kinds == ["Registered", "Send", *["Answered", "Send"] * 2]


def test_a_file_that_is_there_is_not_written_over(node: Node) -> None:
    code, said = node.fails_to_start("--record", str(node.config))
    assert code == 1
    assert said.splitlines()[-1].endswith(
        f"cannot record to {node.config}: File exists; name a new file with --record"
    )
