"""Rows of the long runs that are tests: run at a scale, their figures read from what they keep."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.figures.record import FILE, SCALE_VARIABLE, Figure

ROOT: Final = Path(__file__).parents[2]


class Tested(NamedTuple):
    """A test whose size goes by the scale.

    option: what a long run calls its count. at_scale_1: how many it tries then.
    figures: the names under which it notes what it has measured.
    """

    option: str
    test: str
    at_scale_1: int
    long_count: int
    figures: tuple[str, ...]


_REGISTERS: Final = "tests/figures/test_registers.py::test_"

TESTED: Final = (
    Tested(
        "replays",
        f"{_REGISTERS}replayed_registers_are_refused_also_after_a_restart",
        10_000,
        100_000,
        ("replayed registers accepted (strict), also after restart",),
    ),
    Tested(
        "forged",
        f"{_REGISTERS}forged_registers_are_refused",
        50_000,
        1_000_000,
        ("forged registers accepted",),
    ),
    Tested(
        "claims",
        f"{_REGISTERS}nothing_is_accepted_outside_a_sites_own_allowance",
        50_000,
        10_000_000,
        ("accepted outside a site's own allowance",),
    ),
    Tested(
        "negatives",
        "tests/figures/test_negatives.py",
        50_000,
        5_000_000,
        ("negative prefixes wrong or not maximal",),
    ),
    Tested(
        "more_specifics",
        "tests/figures/test_more_specifics.py",
        100_000,
        1_000_000,
        (
            "more-specifics held beyond the limit",
            "more-specifics: megabytes of memory",
            "more-specifics: BGP updates",
        ),
    ),
    Tested(
        "flap_seconds",
        "tests/figures/test_flaps.py",
        10,
        600,
        ("BGP flaps, 10 a second: leaks", "BGP flaps, 10 a second: wrong exports"),
    ),
    Tested(
        "session_flap_seconds",
        "tests/figures/test_session_flaps.py",
        10,
        600,
        (
            "BGP flaps over sessions, 10 a second: leaks",
            "BGP flaps over sessions, 10 a second: wrong exports",
        ),
    ),
    Tested(
        "days",
        "tests/simulation/test_days.py::test_simulated_days_do_not_diverge_from_the_reference",
        2,
        1_000,
        ("simulated protocol days against the reference model: divergences",),
    ),
    Tested(
        "engine_faults",
        "tests/fleet/test_faults.py",
        5,
        200,
        (
            "engine faults: records that differ",
            "engine faults: acknowledged registrations lost",
        ),
    ),
)

FAULT_TESTS: Final = (
    "tests/reliability/test_faults.py",
    "tests/reliability/test_clocks_and_memory.py",
    "tests/reliability/test_disk.py",
    "tests/daemon/test_disk_full.py",
    "tests/net/test_journal_crash.py",
    "tests/alt/control/test_speaker_faults.py",
    "tests/alt/control/test_speaker_live.py",
)
"""Disk, clocks, memory, descriptors, freezes and killed processes, on whole programs."""


def by_test(tested: Tested, count: int, seed: int) -> Iterator[Figure]:
    """The figures of one test at the scale that makes it try so many, or a few more.

    seed: for a test that draws what it does.

    Raises RuntimeError where the test fails without a figure.
    """
    scale = math.ceil(count / tested.at_scale_1)
    done = _pytest((tested.test,), {SCALE_VARIABLE: str(scale), "SEED": str(seed)})
    if done.returncode:
        print(done.stdout[-8_000:], flush=True)
    kept = json.loads((ROOT / FILE).read_text(encoding="utf-8"))
    for name in tested.figures:
        line = f"{name}: "
        if line not in done.stdout:
            raise RuntimeError(f"{tested.test} has no figure: {done.stdout[-4_000:]}")
        found = kept[name]
        yield Figure(name, found["measured"], found["wanted"], found["of"])


def by_fault_tests(times: int) -> Figure:
    """How many of the tests of faults did not pass, over so many runs of all of them."""
    failed = ran = 0
    for _ in range(times):
        done = _pytest(FAULT_TESTS, {})
        tally = {what: int(number) for number, what in _TALLY.findall(done.stdout)}
        bad = tally.get("failed", 0) + tally.get("error", 0) + tally.get("errors", 0)
        if done.returncode and not bad:
            raise RuntimeError(f"the tests of faults did not run: {done.stdout[-4_000:]}")
        if bad:
            print(done.stdout[-8_000:], flush=True)
        failed += bad
        ran += bad + tally.get("passed", 0)
    return Figure("faults that were not got over", failed, 0, ran)


_TALLY: Final = re.compile(r"(\d+) (passed|failed|errors?)\b")


def _pytest(
    tests: tuple[str, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", *tests],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
