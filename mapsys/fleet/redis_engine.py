"""The Redis-protocol engine: scripts that keep the newest, streams of what changed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha1
from typing import Any, Final

from redis.exceptions import NoScriptError, RedisError

from mapsys.fleet.contract import (
    PARTITIONS,
    Changes,
    FleetError,
    Gap,
    HighWater,
    Kept,
    Outcome,
    Write,
)
from mapsys.fleet.redis_encoding import (
    FORMAT,
    Keys,
    decode_entry,
    decode_loaded,
    decode_outcome,
    encode_batch,
)
from mapsys.fleet.redis_script import BATCH, READ

OLDEST_RELEASE: Final = (7, 0)
"""Of the engine: PEXPIRE with GT came with it."""

BATCH_WRITES: Final = 500
"""Of one script: a few milliseconds in which the engine does nothing else."""

PAGE_KEYS: Final = 1_000
BLOCK_MS: Final = 1_000
FOLLOW_ENTRIES: Final = 200
REPLICA_MS: Final = 1_000

Client = Any
"""A ``redis.asyncio.Redis``; its commands carry no types that would help."""

Connect = Callable[[], Client]
"""Makes a client that opens its connection with the first command."""


class RedisEngine:
    """Implements :class:`mapsys.fleet.contract.SharedEngine` for one member."""

    def __init__(self, connect: Connect, member: str, prefix: str) -> None:
        """connect: writing, following and reading each have a connection."""
        self._keys = Keys(prefix)
        self._member = member
        self._writer, self._follower, self._reader = connect(), connect(), connect()
        for client in (self._writer, self._follower, self._reader):
            for command in ("XREAD", "INFO", "SCAN", "HGETALL"):
                client.response_callbacks.pop(command, None)

    async def write_batch(self, writes: Sequence[Write], *, replicas: int = 0) -> list[Outcome]:
        outcomes: list[Outcome] = []
        with _in_words():
            for start in range(0, len(writes), BATCH_WRITES):
                outcomes += await self._write(writes[start : start + BATCH_WRITES])
            if replicas and writes:
                reached = await self._writer.execute_command("WAIT", replicas, REPLICA_MS)
                if reached < replicas:
                    raise FleetError(f"{reached} of {replicas} replicas confirmed")
        return outcomes

    async def _write(self, writes: Sequence[Write]) -> list[Outcome]:
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, write in enumerate(writes):
            places[write.partition].append(place)
        groups = [(number, [writes[p] for p in of_it]) for number, of_it in places.items()]
        now_ms = time.time_ns() // 1_000_000
        arguments = encode_batch(self._keys, self._member, now_ms, groups)
        answers = await _run(self._writer, BATCH, arguments)
        order = [place for of_it in places.values() for place in of_it]
        outcomes = dict(zip(order, map(decode_outcome, answers), strict=True))
        return [outcomes[place] for place in range(len(writes))]

    async def load(self, partitions: Collection[int] | None = None) -> AsyncIterator[Changes]:
        # One partition is looked for among all keys: beyond a few, all are loaded at once.
        few = partitions is not None and len(partitions) <= 4
        for number in sorted(partitions or ()) if few else (None,):
            cursor = b"0"
            pattern = self._keys.pattern(number)
            while True:
                with _in_words():
                    cursor, names = await self._reader.execute_command(
                        "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE_KEYS
                    )
                    found = await _run(self._reader, READ, [str(len(names)).encode(), *names])
                for page in self._pages(names, found):
                    if partitions is None or page.partition in partitions:
                        yield page
                if cursor == b"0":
                    break

    def _pages(self, names: Sequence[bytes], found: Sequence[Any]) -> Iterator[Changes]:
        kept: defaultdict[int, list[Kept]] = defaultdict(list)
        marks: defaultdict[int, list[tuple[bytes, int | None]]] = defaultdict(list)
        digests: defaultdict[int, list[tuple[bytes, int]]] = defaultdict(list)
        for name, held in zip(names, found, strict=True):
            if not held:
                continue
            try:
                number, kind, rest = self._keys.parse(name)
            except ValueError:
                continue
            loaded = decode_loaded(kind, rest, held[0], held[1])
            if isinstance(loaded, Kept):
                kept[number].append(loaded)
            elif isinstance(loaded, tuple):
                (marks if kind == b"n" else digests)[number].append(loaded)
        for number in {*kept, *marks, *digests}:
            yield Changes(
                number,
                0,
                "",
                0,
                tuple(kept[number]),
                tuple(marks[number]),
                tuple(digests[number]),
            )

    async def follow(self, since: Mapping[int, int]) -> AsyncIterator[Changes | Gap]:
        logs = {self._keys.log(number): number for number in range(PARTITIONS)}
        seen = {number: since.get(number, 0) for number in range(PARTITIONS)}
        while True:
            positions = [f"{seen[number]}-1".encode() for number in logs.values()]
            with _in_words():
                answer = await self._follower.execute_command(
                    *("XREAD", "COUNT", FOLLOW_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS"),
                    *logs,
                    *positions,
                )
            for name, entries in answer or ():
                number = logs[name]
                for entry_id, fields in entries:
                    changes = decode_entry(number, entry_id, fields)
                    last, seen[number] = seen[number], changes.seq
                    if last and changes.seq != last + 1:
                        yield Gap(number, changes.seq)
                    else:
                        yield changes

    async def high_water(self, about_me: bytes) -> HighWater:
        keys = self._keys
        with _in_words():
            async with self._reader.pipeline(transaction=False) as pipeline:
                pipeline.execute_command("INFO")
                pipeline.execute_command("GET", keys.format)
                pipeline.execute_command("MGET", *map(keys.seq, range(PARTITIONS)))
                pipeline.execute_command("HGETALL", keys.members)
                info, held_format, seqs, members = await pipeline.execute()
            facts = _facts(info)
            _require_usable(facts)
            if held_format not in (None, FORMAT):
                raise FleetError(
                    f"the engine holds states of format {held_format.decode('ascii', 'replace')},"
                    f" and this version knows {FORMAT.decode()}: upgrade this node, or give the"
                    " fleet another prefix"
                )
            if held_format is None:
                await self._reader.execute_command("SET", keys.format, FORMAT)
            await self._reader.execute_command("HSET", keys.members, self._member, about_me)
        return HighWater(
            f"{facts.get('run_id')}:{facts.get('master_replid')}",
            {number: int(seq) for number, seq in enumerate(seqs) if seq is not None},
            {
                name.decode("utf-8", "replace"): said
                for name, said in zip(members[::2], members[1::2], strict=True)
            },
        )

    async def close(self) -> None:
        for client in (self._writer, self._follower, self._reader):
            await client.aclose()


async def _run(client: Client, script: str, arguments: Sequence[bytes]) -> Any:
    try:
        return await client.execute_command("EVALSHA", _SHA[script], *arguments)
    except NoScriptError:
        return await client.execute_command("EVAL", script, *arguments)


_SHA: Final = {
    script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (BATCH, READ)
}


def _facts(info: bytes) -> dict[str, str]:
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _require_usable(facts: Mapping[str, str]) -> None:
    """Raises FleetError, in words, where the engine could not keep what it is given."""
    release = facts.get("valkey_version") or facts.get("redis_version", "")
    if tuple(int(part) for part in release.split(".")[:2] if part.isdigit()) < OLDEST_RELEASE:
        raise FleetError(f"the engine is release {release or '?'}; it takes 7.0 or newer")
    if facts.get("role", "master") != "master":
        raise FleetError("the engine is a replica; name its primary, or its Sentinels")


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise FleetError(str(error) or type(error).__name__) from error
