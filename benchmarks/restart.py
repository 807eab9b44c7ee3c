"""How long a restart takes: ``python -m benchmarks.restart [COUNT] [native|pure ...]``.

Makes a state folder that holds so many registrations, by way of the journal and the
folding process's own code, and starts the real daemon on it, once for each engine.
Prints the time from the start of the process to the first right Map-Reply, and the
processor time the daemon had used by then: on a machine that has other work to do
the first says little. COUNT: 1,000 to 10,000,000, default 100,000.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.population import FORWARDED_SITES, SITES, configuration, eid_of, make_state
from benchmarks.traffic import map_request
from mapsys.engine_choice import ENGINE_VARIABLE
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode

DEFAULT_COUNT: Final = 100_000
MAXIMUM_COUNT: Final = 10_000_000
PATIENCE_SECONDS: Final = 600.0
"""How long a daemon may take until it answers."""

ASK_AGAIN_SECONDS: Final = 0.02


def await_right_answer(process: subprocess.Popen[bytes], port: int) -> None:
    """Ask for one registered EID until its mapping is the answer. Raises SystemExit."""
    eid = eid_of(FORWARDED_SITES, 0)
    until = time.monotonic() + PATIENCE_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind((processes.HOST, 0))
        asker.settimeout(ASK_AGAIN_SECONDS)
        asked = map_request(eid, 0, asker.getsockname()[1]).octets
        while process.poll() is None and time.monotonic() < until:
            asker.sendto(asked, (processes.HOST, port))
            try:
                reply = decode(asker.recv(65_535))
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(ASK_AGAIN_SECONDS)
                continue
            if isinstance(reply, MapReply) and [
                (record.eid_prefix, len(record.rlocs)) for record in reply.records
            ] == [(eid, 2)]:
                return
            raise SystemExit(f"the answer is wrong: {reply}")
    raise SystemExit("the daemon ended or did not answer in time")


def restart(folder: Path, config: Path, port: int, engine: str) -> str:
    """Start the daemon on a copy of the state, and say how long it took."""
    shutil.copytree(folder / "made", folder / "state")
    command = [str(Path(sys.executable).with_name("mapsys")), "run", "-c", str(config)]
    with (folder / "mapsys.log").open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {ENGINE_VARIABLE: engine},
        )
        try:
            await_right_answer(process, port)
            took = time.monotonic() - began
            used = processes.Server(process, port).cpu_seconds()
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            shutil.rmtree(folder / "state")
    return f"{engine}: first right answer after {took:.2f} s; {used:.2f} s of processor time"


def main() -> int:
    """Exit code 0, or 2 where an argument is not as above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restart")
    parser.add_argument("count", type=int, nargs="?", default=DEFAULT_COUNT)
    parser.add_argument("engines", choices=("native", "pure"), nargs="*")
    arguments = parser.parse_args()
    if not SITES <= arguments.count <= MAXIMUM_COUNT:
        parser.error(f"COUNT is {arguments.count}; give {SITES} to {MAXIMUM_COUNT}")
    with tempfile.TemporaryDirectory(prefix="mapsys-restart-") as name:
        folder = Path(name)
        (port,) = processes.free_udp_ports(1)
        config = configuration(folder, port)
        make_state(folder / "made", arguments.count)
        for engine in arguments.engines or ("native", "pure"):
            print(f"{arguments.count} registrations, {restart(folder, config, port, engine)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
