"""``python -m mapsys.hooks --state DIR``: posts moves until it is ended; started by the daemon."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from functools import partial
from pathlib import Path

import aiohttp
import msgspec

import mapsys
from mapsys.config.secret import SECRET_LIMIT_OCTETS
from mapsys.hooks.hook import ANSWER_SECONDS, Hook
from mapsys.hooks.settings import (
    HookSettings,
    HooksSettings,
    HookState,
    read_settings,
    read_states,
    write_states,
)
from mapsys.net.process_guard import guard_memory
from mapsys.query import SOCKET_NAME
from mapsys.query_client import QueryClient


def main() -> int:
    """Returns only where it cannot begin: the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m mapsys.hooks", description="The hooks of a mapsys daemon."
    )
    parser.add_argument("--state", type=Path, required=True, help="the daemon's state folder")
    state = parser.parse_args().state
    guard_memory()
    try:
        asyncio.run(_run(state, read_settings(state)))
    except (OSError, msgspec.DecodeError) as error:
        _tell(f"it cannot go on: {error}")
    return 1


async def _run(folder: Path, settings: HooksSettings) -> None:
    known = read_states(folder)
    states = {one.url: known.get(one.url, HookState(settings.since)) for one in settings.hooks}
    write_states(folder, states)
    client = QueryClient(folder / SOCKET_NAME)

    def keep(url: str, state: HookState) -> None:
        states[url] = state
        write_states(folder, states)

    async def work(one: HookSettings) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, ssl=ssl.create_default_context(cafile=one.ca)),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            headers={"User-Agent": f"mapsys/{mapsys.__version__}"},
        ) as session:
            hook = Hook(
                one,
                states[one.url],
                _secret(one),
                client,
                session,
                keep=partial(keep, one.url),
                tell=_tell,
            )
            await hook.run()

    async with asyncio.TaskGroup() as hooks:
        for one in settings.hooks:
            hooks.create_task(work(one))


def _secret(hook: HookSettings) -> bytes:
    """As the daemon found it usable when it read its configuration. Raises OSError."""
    with open(hook.secret_file, "rb") as file:
        return file.read(SECRET_LIMIT_OCTETS).removesuffix(b"\n").removesuffix(b"\r")


def _tell(line: str) -> None:
    print(f"mapsys.hooks: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
