"""How long an xTR waits after its first Map-Register: for its Map-Notify, and until all know."""

from __future__ import annotations

import socket
import time
from typing import Final

from benchmarks.making import Making
from benchmarks.population import HOST, eid_of
from benchmarks.traffic import map_request
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode

TIMES: Final = 50
PATIENCE_SECONDS: Final = 30.0


def register_to_answer(port: int, making: Making) -> tuple[list[float], list[float]]:
    """(to the first right Map-Reply, to the Map-Notify), milliseconds each, of some first ones.

    A Map-Request goes out together with the Map-Register, and again whenever the answer
    is not yet the mapping. Raises SystemExit where one is not answered.
    """
    answered: list[float] = []
    notified: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as xtr:
        xtr.bind((HOST, 0))
        xtr.connect((HOST, port))
        xtr.settimeout(PATIENCE_SECONDS)
        for (site, number), register in making.fresh(TIMES):
            asked = map_request(eid_of(site, number), 0, xtr.getsockname()[1]).octets
            began = time.monotonic()
            xtr.send(register)
            xtr.send(asked)
            known = told = False
            while not (known and told):
                try:
                    message = decode(xtr.recv(65_535))
                except TimeoutError as error:
                    raise SystemExit("a first Map-Register was not answered") from error
                took = (time.monotonic() - began) * 1e3
                if isinstance(message, MapNotify):
                    notified.append(took)
                    told = True
                elif isinstance(message, MapReply) and message.records[0].rlocs:
                    answered.append(took)
                    known = True
                elif isinstance(message, MapReply):
                    xtr.send(asked)
    return answered, notified
