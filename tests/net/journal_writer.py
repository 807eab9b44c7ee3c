"""A process for tests to kill: registers, commits, and then says what it has committed.

Prints ``N`` after the commit that holds registration and nonce N, for ever higher N.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.net.journal_run import Run


def main() -> None:
    """Go on from the nonce mark that the folder holds; argument: the folder."""
    run = Run(Path(sys.argv[1]), now=time.monotonic(), wall=time.time())
    last = run.store.nonce_mark(b"writer") or 0
    for number in range(last + 1, last + 20_000):
        run.register(number, lifetime=3600.0)
        run.store.raise_nonce(b"writer", number)
        run.now, run.wall = time.monotonic(), time.time()
        run.commit()
        print(number, flush=True)


if __name__ == "__main__":
    main()
