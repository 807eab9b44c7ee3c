"""The rule by which an engine keeps the newest, in Python.

``fleet.redis_script`` says the same in Lua; the contract's tests try both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mapsys.fleet.contract import (
    MARK_SECONDS,
    Ask,
    Changes,
    ForgetMark,
    Guard,
    Keep,
    Kept,
    Outcome,
    Prolong,
    RaiseMark,
    Status,
    Stored,
    SupersedeDigest,
    Write,
)

ORDER_TOLERANCE_MS = 2_000
"""Messages of one burst may come to two members and reach the engine in another order."""


@dataclass(slots=True)
class Mark:
    """nonce: the highest. writer: who raised it, and when it did."""

    nonce: int
    writer: str
    at_ms: int
    ends_ms: int


@dataclass(slots=True)
class Held:
    """As Stored, with when it ends (Unix milliseconds)."""

    version: int
    epoch: int
    ends_ms: int
    octets: bytes

    def seen(self, now_ms: int) -> Stored:
        return Stored(self.version, self.epoch, self.ends_ms - now_ms, self.octets)


@dataclass(slots=True)
class Partition:
    """What an engine holds for some sites."""

    seq: int = 0
    held: dict[bytes, Held] = field(default_factory=dict)
    marks: dict[bytes, Mark] = field(default_factory=dict)
    superseded: dict[bytes, int] = field(default_factory=dict)
    log: list[Changes] = field(default_factory=list)

    def get(self, eid: bytes, now_ms: int) -> Held | None:
        held = self.held.get(eid)
        if held is not None and held.ends_ms <= now_ms:
            del self.held[eid]
            return None
        return held


@dataclass(slots=True)
class Batch:
    """Carries out the writes of one member to one partition, all at one time."""

    partition: Partition
    number: int
    writer: str
    now_ms: int
    kept: list[Kept] = field(default_factory=list)
    marks: list[tuple[bytes, int | None]] = field(default_factory=list)
    superseded: list[tuple[bytes, int]] = field(default_factory=list)

    def carry_out(self, writes: list[Write], at_ms: int) -> list[Outcome]:
        """at_ms: the writer's clock."""
        floor = max((w.version for w in writes if isinstance(w, Keep)), default=0)
        begins = self.partition.seq + 1 if self.partition.seq else self.now_ms * 1_000
        seq = max(begins, floor + 1)
        outcomes = [self._one(write, seq) for write in writes]
        if self.kept or self.marks or self.superseded:
            self.partition.seq = seq
            changes = Changes(
                self.number,
                seq,
                self.writer,
                at_ms,
                tuple(self.kept),
                tuple(self.marks),
                tuple(self.superseded),
            )
            self.partition.log.append(changes)
        return outcomes

    def _one(self, write: Write, seq: int) -> Outcome:
        match write:
            case Keep():
                return self._keep(write, seq)
            case Prolong():
                return self._prolong(write)
            case Ask():
                held = self.partition.get(write.eid, self.now_ms)
                return _as_held(held, self.now_ms)
            case RaiseMark():
                return self._raise(write)
            case ForgetMark():
                self.partition.marks.pop(write.mark, None)
                self.marks.append((write.mark, None))
            case SupersedeDigest():
                if write.kept:
                    self.partition.superseded[write.digest] = write.until_ms
                self.superseded.append((write.digest, write.until_ms))
        return Outcome(Status.DONE)

    def _keep(self, keep: Keep, seq: int) -> Outcome:
        held = self.partition.get(keep.eid, self.now_ms)
        if keep.guard is not None and self._is_replay(keep.guard, held):
            return Outcome(Status.REPLAYED, 0, held.seen(self.now_ms) if held else None)
        if held is not None:
            if keep.restores:
                accepted = (held.epoch, held.version) < (keep.epoch, keep.version)
            else:
                accepted = held.version == keep.base
            if not accepted:
                return Outcome(Status.CONFLICT, 0, held.seen(self.now_ms))
        epoch = seq if keep.takes_over else keep.epoch
        new = Held(seq, epoch, self.now_ms + keep.ttl_ms, keep.octets)
        self.partition.held[keep.eid] = new
        self.kept.append(Kept(keep.eid, new.seen(self.now_ms)))
        return Outcome(Status.DONE, seq)

    def _is_replay(self, guard: Guard, held: Held | None) -> bool:
        if guard.digest:
            return self.partition.superseded.get(guard.digest, 0) > self.now_ms
        mark = self.partition.marks.get(guard.mark)
        return (
            held is None
            and mark is not None
            and mark.writer != self.writer
            and mark.nonce >= guard.nonce
            and mark.at_ms + ORDER_TOLERANCE_MS < guard.at_ms
        )

    def _prolong(self, prolong: Prolong) -> Outcome:
        held = self.partition.get(prolong.eid, self.now_ms)
        if held is None or held.version != prolong.base:
            return _as_held(held, self.now_ms)
        held.ends_ms = max(held.ends_ms, self.now_ms + prolong.ttl_ms)
        return Outcome(Status.DONE, held.version)

    def _raise(self, raised: RaiseMark) -> Outcome:
        mark = self.partition.marks.get(raised.mark)
        if mark is not None and mark.ends_ms > self.now_ms and raised.nonce <= mark.nonce:
            own = raised.nonce == mark.nonce and mark.writer == self.writer
            return Outcome(Status.DONE if own else Status.REPLAYED)
        ends = self.now_ms + MARK_SECONDS * 1_000
        self.partition.marks[raised.mark] = Mark(raised.nonce, self.writer, raised.at_ms, ends)
        self.marks.append((raised.mark, raised.nonce))
        return Outcome(Status.DONE)


def _as_held(held: Held | None, now_ms: int) -> Outcome:
    if held is None:
        return Outcome(Status.ABSENT)
    return Outcome(Status.CONFLICT, 0, held.seen(now_ms))
