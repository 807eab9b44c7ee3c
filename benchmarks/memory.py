"""Resident memory per registration: ``python -m benchmarks.memory [COUNT]``.

Fills a store with distinct prefixes, each registered by one xTR with two locators,
in a process of its own, and prints one line. COUNT: at most 1,000,000, default 100,000.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Final

from mapsys.eid import EidPrefix, Family
from mapsys.store_pure import PureStore

DEFAULT_COUNT: Final = 100_000
MAXIMUM_COUNT: Final = 1_000_000
PAGE_OCTETS: Final = 4096

RECORD_OCTETS: Final = 40
"""An EID-Record of an IPv4 prefix with two IPv4 locators (RFC 9301, 5.4)."""

DETAILS_OCTETS: Final = 64


def resident_octets() -> int:
    """What the kernel counts as this process's memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_OCTETS


def fill(store: PureStore, count: int) -> None:
    """60 % IPv4 hosts, 40 % IPv6 hosts, in random order; the journal takes the changes."""
    source = random.Random(1)
    for number in range(count):
        if number % 5 < 3:
            # An odd multiplier visits each address once, in no order.
            address = number * 2_654_435_761 % 2**32
            eid = EidPrefix(0, Family.IPV4, address, 32)
        else:
            eid = EidPrefix(0, Family.IPV6, source.getrandbits(128), 128)
        record = source.randbytes(RECORD_OCTETS)
        store.put(
            eid,
            b"\0" + source.randbytes(4),
            record=record,
            details=source.randbytes(DETAILS_OCTETS),
            digest=source.randbytes(16),
            deadline=180.0 + number / 10_000,
            published=record,
        )
        if number % 100 == 0:
            store.take_changes()


def measure(count: int) -> str:
    """Fill a store here, and say what it cost."""
    store = PureStore()
    before = resident_octets()
    fill(store, count)
    grown = resident_octets() - before
    return f"{grown / len(store):.0f} octets per registration ({len(store)} registrations)"


def main() -> int:
    """Exit code 0, or 2 where COUNT is no number in range."""
    argument = sys.argv[1] if len(sys.argv) > 1 else str(DEFAULT_COUNT)
    if not argument.isdigit() or not 1 <= int(argument) <= MAXIMUM_COUNT:
        print(f"COUNT is {argument!r}; give 1 to {MAXIMUM_COUNT}", file=sys.stderr)
        return 2
    # A child, so that nothing freed earlier is used again and makes the growth look small.
    child = [
        sys.executable,
        "-c",
        f"from benchmarks.memory import measure; print(measure({argument}))",
    ]
    return subprocess.run(child, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
