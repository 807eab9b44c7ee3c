"""docs/moving-hosts.md is what the commands in it say, times and nonces apart."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

VARIES = (
    (r"127\.0\.\d+\.", "127.0.NET."),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "WHEN"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"0x[0-9a-f]{16}", "NONCE"),
    (r"\b[\d.]+ s\b", "SECONDS"),
)

PATIENCE_SECONDS = 100


def shape(transcript: str) -> list[str]:
    """The lines without what varies; what a command says twice counts once."""
    lines: list[str] = []
    said: set[str] = set()
    for pattern, name in VARIES:
        transcript = re.sub(pattern, name, transcript)
    for line in transcript.splitlines():
        if line.startswith("$ "):
            said.clear()
        if line not in said:
            said.add(line)
            lines.append(line)
    return lines


def test_the_transcript_of_moves_is_a_real_one() -> None:
    network = f"127.0.{100 + os.getpid() % 150}"
    run = subprocess.run(
        [str(ROOT / "scripts" / "transcript_moves.sh"), network],
        env={**os.environ, "VENV": sys.prefix},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    text = (ROOT / "docs" / "moving-hosts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert shape(run.stdout) == shape("".join(blocks))
