"""``python -m mapsys.poller --state DIR``: polls until it is ended; started by the daemon."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from mapsys.poller.cycle import Poller
from mapsys.poller.dumps import Dumps
from mapsys.poller.results import FOLDER_NAME, PollResults, ResultsFile
from mapsys.query import SOCKET_NAME
from mapsys.query_client import DaemonAway, QueryClient, QueryDeclined
from mapsys.query_measures_rows import PollerQuestion, PollerRow

AGAIN_SECONDS: Final = 5.0
"""Before the daemon is asked again, where it did not answer."""


def main() -> int:
    """Never returns by itself, but for wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m mapsys.poller", description="The poller of a mapsys daemon."
    )
    parser.add_argument("--state", type=Path, required=True, help="the daemon's state folder")
    asyncio.run(_poll(parser.parse_args().state))
    return 0


async def _poll(state: Path) -> None:
    client = QueryClient(state / SOCKET_NAME)
    poller = Poller(client)
    while True:
        began = time.monotonic()
        pause = AGAIN_SECONDS
        try:
            settings = await client.ask(PollerQuestion(), PollerRow)
            pause = settings.interval_seconds
            results = await poller.cycle(settings)
            await asyncio.to_thread(_keep, state, results, settings.keep_dumps)
        except (DaemonAway, QueryDeclined) as error:
            print(f"mapsys.poller: a cycle was given up: {error}", file=sys.stderr, flush=True)
        except OSError as error:
            print(f"mapsys.poller: nothing was kept: {error}", file=sys.stderr, flush=True)
        await asyncio.sleep(began + pause - time.monotonic())


def _keep(state: Path, results: PollResults, keep_dumps: int) -> None:
    (state / FOLDER_NAME).mkdir(mode=0o700, exist_ok=True)
    ResultsFile(state).write(results)
    Dumps(state).keep(results, keep_dumps)


if __name__ == "__main__":
    sys.exit(main())
