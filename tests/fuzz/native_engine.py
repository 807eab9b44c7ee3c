"""Spoiled datagrams for the native engine, many a second, in one process.

Meant for a build that watches itself (``scripts/fuzz_native.sh``): a finding ends the
process. The datagrams are those of the differential tests and the kept inputs of the
other fuzzers, changed; Map-Registers are often signed again, so that what is behind the
MAC sees them too.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import replace

from mapsys.core.effects import Datagram, Endpoint
from mapsys.core.limiter import Limits
from mapsys.core.settings import Settings
from mapsys.core.site import ProxyReply, Replay
from mapsys.native import _engine
from tests.fuzz.corpus import CORPUS_FOLDER
from tests.native import test_admissions, test_differential
from tests.native.servers import Peers, Server, native

BATCH = 192
"""Datagrams between two looks at the sockets; what a buffer holds with room to spare."""

POOL = 4_096
"""Datagrams made before some of them are spoiled."""

ASKED = 0.05
"""Of what comes up spoiled, how much the core looks at: it would take most of the time."""

RELOAD_TURNS = 1_000
REPORT_SECONDS = 30.0
LONGEST_OCTETS = 1_400


class Spoiler:
    """Datagrams that somebody could send, and what becomes of them on the way."""

    def __init__(self, seed: int, peers: Peers) -> None:
        self._random = random.Random(seed)
        self._story = test_differential.Story(seed, peers)
        self._traffic = test_admissions.Traffic(seed)
        self._kept = [
            path.read_bytes()[:LONGEST_OCTETS]
            for kind in ("message", "ecm", "record", "lcaf")
            for path in sorted((CORPUS_FOLDER / kind).glob("*"))
        ]

        self._made: list[bytes] = []
        self.sound: frozenset[bytes] = frozenset()

    def make_anew(self) -> None:
        """Other datagrams to spoil from now on."""
        made: list[bytes] = []
        while len(made) < POOL:
            made += self._traffic.turn()
            made += [self._story.register(0), self._story.request(0), self._story.request(1)]
            made.append(self._random.choice(self._kept))
        self._made, self.sound = made, frozenset(made)

    def datagram(self) -> bytes:
        """The next one."""
        data = self._random.choice(self._made)
        return self._spoiled(data) if self._random.random() < 0.7 else data

    def _spoiled(self, data: bytes) -> bytes:
        choose = self._random
        octets = bytearray(data)
        for _ in range(choose.choice((1, 1, 1, 2, 4))):
            at = choose.randrange(len(octets)) if octets else 0
            match choose.randrange(6):
                case 0 if octets:
                    octets[at] ^= 1 << choose.randrange(8)
                case 1 if octets:
                    octets[at] = choose.choice((0, 1, 0x7F, 0x80, 0xFF))
                case 2:
                    del octets[at:]
                case 3:
                    octets[at:at] = choose.randbytes(choose.randint(1, 24))
                case 4:
                    del octets[at : at + choose.randint(1, 24)]
                case _:
                    other = choose.choice(self._kept)
                    octets[at:] = other[choose.randrange(len(other) + 1) :]
        whole = bytes(octets[:LONGEST_OCTETS])
        if whole[:1] and whole[0] >> 4 == 3 and choose.random() < 0.7:
            try:
                return test_admissions.SECRET.sign(whole)
            except ValueError:
                return whole
        return whole


class Taught(Server):
    """A native server whose core looks at what is sound, and at a part of the rest."""

    def __init__(self, settings: Settings, choose: random.Random, spoiler: Spoiler) -> None:
        super().__init__(native, settings)
        self._choose = choose
        self._spoiler = spoiler

    def _handle(self, punt: Datagram, now: float) -> None:
        if punt.data in self._spoiler.sound or self._choose.random() < ASKED:
            super()._handle(punt, now)


def settings_of(choose: random.Random) -> Settings:
    """Sites of both tests, so that there is something to register and to ask for."""
    replay = choose.choice(list(Replay))
    there = {one.name: one for one in test_differential.sites(ProxyReply.ALWAYS, replay)}
    also = [replace(test_admissions.site(name, replay, 500), name=f"x-{name}") for name in "ab"]
    limits = choose.choice((Limits.off(), Limits()))
    return Settings((*there.values(), *also), (), limits=limits)


def main() -> int:
    """Spoil, send and look for so many seconds; prints what there was."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    options = parser.parse_args()
    choose = random.Random(options.seed)
    print(f"engine: {_engine.__file__}, seed {options.seed}", flush=True)
    peers = Peers([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)])
    spoiler = Spoiler(options.seed, peers)
    spoiler.make_anew()
    server = Taught(settings_of(choose), choose, spoiler)
    began = told = time.monotonic()
    sent = answered = turns = 0
    while time.monotonic() - began < options.seconds:
        peers.send(choose.randrange(2), [spoiler.datagram() for _ in range(BATCH)], server.address)
        server.turn(turns * 0.1)
        server.commit(1)
        answered += len(peers.heard())
        sent += BATCH
        turns += 1
        server.pass_time(turns * 0.1)
        if turns % RELOAD_TURNS == 0:
            server.reconfigure(settings_of(choose), turns * 0.1)
            spoiler.make_anew()
        if time.monotonic() - told >= REPORT_SECONDS:
            told = time.monotonic()
            print(f"{sent:,} datagrams so far", flush=True)
    counted = server.datapath.counters()
    server.close()
    peers.close()
    by_itself = sum(count for name, count in counted.items() if name.startswith("repeated."))
    print(
        f"{sent:,} datagrams in {time.monotonic() - began:.0f} s: {by_itself:,} dealt with by the"
        f" engine itself, {counted.get('punted', 0):,} handed up, {answered:,} answers;"
        " no finding"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
