"""Reading and writing big-endian fields within bounds."""

from __future__ import annotations

import struct
from types import TracebackType
from typing import Any

from mapsys.wire.errors import TrailingOctets, Truncated


class Reader:
    """A position in received octets that never passes the innermost bound.

    ``with reader.within(length):`` sets a nested bound: what is read inside must
    use up exactly that many octets. Every method that takes octets raises
    Truncated where the bound leaves too few.
    """

    __slots__ = ("_at", "_data", "_end", "_outer_ends")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data)
        self._outer_ends: list[int] = []

    @property
    def remaining(self) -> int:
        """Octets left before the innermost bound."""
        return self._end - self._at

    @property
    def depth(self) -> int:
        """How many nested bounds are in force."""
        return len(self._outer_ends)

    def take(self, count: int) -> bytes:
        """The next octets."""
        start = self._at
        stop = start + count
        if stop > self._end:
            raise Truncated(f"{count} octets announced, {self._end - start} left")
        self._at = stop
        return self._data[start:stop]

    def peek(self, count: int) -> bytes:
        """The next octets, which stay."""
        octets = self.take(count)
        self._at -= count
        return octets

    def uint(self, count: int) -> int:
        """The next octets as an unsigned number."""
        start = self._at
        stop = start + count
        if stop > self._end:
            raise Truncated(f"{count} octets announced, {self._end - start} left")
        self._at = stop
        return int.from_bytes(self._data[start:stop], "big")

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        """The next fields, of a fixed form."""
        start = self._at
        stop = start + form.size
        if stop > self._end:
            raise Truncated(f"{form.size} octets needed, {self._end - start} left")
        self._at = stop
        return form.unpack_from(self._data, start)

    def take_until_nul(self) -> bytes:
        """The octets before the next NUL, which is consumed."""
        nul = self._data.find(0, self._at, self._end)
        if nul < 0:
            raise Truncated("a name without its final NUL")
        octets = self._data[self._at : nul]
        self._at = nul + 1
        return octets

    def take_rest(self) -> bytes:
        """All octets up to the innermost bound."""
        return self.take(self.remaining)

    def finish(self) -> None:
        """Raise TrailingOctets unless the innermost bound is reached."""
        if self._at != self._end:
            raise TrailingOctets(f"{self.remaining} octets left over")

    def within(self, length: int) -> Reader:
        """Bound the next ``length`` octets; only for use in a ``with`` statement."""
        stop = self._at + length
        if stop > self._end:
            raise Truncated(f"{length} octets announced, {self.remaining} left")
        self._outer_ends.append(self._end)
        self._end = stop
        return self

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        self._end = self._outer_ends.pop()


class Writer:
    """Octets under construction. A value that does not fit its field raises ValueError."""

    __slots__ = ("_octets",)

    def __init__(self) -> None:
        self._octets = bytearray()

    def put(self, octets: bytes) -> None:
        """Append octets as they are."""
        self._octets += octets

    def uint(self, value: int, count: int) -> None:
        """Append an unsigned number in so many octets."""
        try:
            self._octets += value.to_bytes(count, "big")
        except OverflowError as error:
            raise ValueError(f"{value} does not fit {count} octets") from error

    def pack(self, form: struct.Struct, *values: int) -> None:
        """Append fields of a fixed form."""
        try:
            self._octets += form.pack(*values)
        except struct.error as error:
            raise ValueError(f"a field is out of range: {error}") from error

    def octets(self) -> bytes:
        """What was written so far."""
        return bytes(self._octets)
