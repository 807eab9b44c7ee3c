"""Runs libFuzzer over one target in a process of its own, and reads what it did."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz.corpus import CORPUS_FOLDER, inputs_of, write_inputs
from tests.fuzz.target import Target

ARTIFACTS: Final = Path(__file__).parents[2] / "artifacts" / "fuzz"

INPUT_SECONDS: Final = 20
"""One input that takes longer is a finding."""

MEMORY_MEBIBYTES: Final = 1_024

_GRACE_SECONDS: Final = 120.0
"""For the start, the corpus and the end; a fuzzer that hangs is ended."""

_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_FEATURES: Final = re.compile(r"\bft: (\d+)")
_ARTIFACT: Final = re.compile(r"Test unit written to (\S+)")


class Outcome(NamedTuple):
    """What a run over one target did.

    features: what libFuzzer counts as reached. inputs: how many it holds at the end.
    finding: what went wrong and the command that repeats it, or None.
    """

    target: str
    executions: int
    seconds: float
    features: int
    inputs: int
    finding: str | None


def fuzz(target: Target, folder: Path, *, seconds: int, runs: int, seed: int) -> Outcome:
    """Fuzz from seeds and corpus; new inputs go into ``folder``.

    runs: at most so many, without a bound for -1. Raises subprocess.TimeoutExpired
    where the fuzzer does not end.
    """
    write_inputs(folder, inputs_of(target))
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    done = _libfuzzer(
        target,
        f"-max_total_time={seconds}",
        f"-runs={runs}",
        f"-seed={seed}",
        f"-timeout={INPUT_SECONDS}",
        f"-rss_limit_mb={MEMORY_MEBIBYTES}",
        f"-artifact_prefix={ARTIFACTS}/{target.name}-",
        "-print_final_stats=1",
        str(folder),
        seconds=seconds + _GRACE_SECONDS,
    )
    executed, features = _EXECUTED.findall(done.stderr), _FEATURES.findall(done.stderr)
    return Outcome(
        target.name,
        int(executed[-1]) if executed else 0,
        time.monotonic() - started,
        int(features[-1]) if features else 0,
        sum(1 for _ in folder.iterdir()),
        None if done.returncode == 0 else _finding(target, done),
    )


def keep(target: Target, folder: Path) -> int:
    """Put into the tree's corpus what reaches more than it did; gives its size then."""
    corpus = CORPUS_FOLDER / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    _libfuzzer(target, "-merge=1", str(corpus), str(folder), seconds=600.0)
    return sum(1 for _ in corpus.iterdir())


def _libfuzzer(target: Target, *options: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", f"--target={target.name}", *options],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def _finding(target: Target, done: subprocess.CompletedProcess[str]) -> str:
    written = _ARTIFACT.findall(done.stderr)
    if not written:
        return f"exit code {done.returncode}: {done.stderr.strip()[-2_000:]}"
    raised = [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]
    return (
        f"{raised[0].strip() if raised else 'see its output'};"
        f" repeat: python -m tests.fuzz.one --target={target.name} {written[0]}"
    )
