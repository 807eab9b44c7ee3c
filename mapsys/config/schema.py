"""What a setting may be: kinds that read a value with all its faults, and write it back.

A section is a :class:`Record` of :class:`Field`; its class keeps the result.
Reading never stops at the first fault: a kind that cannot give a value notes the
fault and raises :class:`FaultyError`, and the next larger kind goes on with the
rest. Kinds of single words and numbers are in :mod:`mapsys.config.scalars`.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from mapsys.config.document import Mapping, Node, Scalar, Sequence, Unusable
from mapsys.config.faults import ConfigError, Fault, Faults, quoted

__all__ = [
    "REQUIRED",
    "ConfigError",
    "Fault",
    "Faults",
    "FaultyError",
    "Field",
    "Kind",
    "ListOf",
    "Plain",
    "Record",
    "Single",
    "Value",
    "Words",
]

T = TypeVar("T")

Plain = str | list["Plain"] | dict[str, "Plain"]
"""A setting in the form a file holds it: texts, lists and mappings."""


class FaultyError(Exception):
    """The value cannot be used; its fault is noted already."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that values come from.

    file: its name in faults. folder: what relative paths in it start from.
    reads_files: whether a setting may name a file to be read; not where it comes from
    somebody who may not read this machine's files.
    """

    file: str
    folder: Path
    faults: Faults
    reads_files: bool = True


class Value(NamedTuple):
    """One node with its key path.

    key: the node of its key where it stands in a mapping.
    step: its key or its number in the parent.
    """

    node: Node
    origin: Origin
    parent: Value | None = None
    step: str | int = ""
    key: Node | None = None

    @property
    def path(self) -> str:
        """The key path, as in ``sites[2].eids[0].prefix``; empty for the document."""
        if self.parent is None:
            return ""
        before = self.parent.path
        if isinstance(self.step, int):
            return f"{before}[{self.step}]"
        return f"{before}.{self.step}" if before else self.step

    @property
    def place(self) -> str:
        """``file:line:column``, to point at from another fault."""
        return f"{self.origin.file}:{self.node.line}:{self.node.column}"

    def fault(self, message: str) -> None:
        """Note a fault of this value and go on."""
        self._note(self.node, message)

    def refuse(self, message: str) -> NoReturn:
        """Note a fault of this value; raises FaultyError."""
        self._note(self.node, message)
        raise FaultyError

    def text(self, expects: str) -> str:
        """The text of a scalar; refuses an empty one and everything else."""
        if isinstance(self.node, Scalar) and self.node.text:
            return self.node.text
        return self._mismatch(expects)

    def items(self, expects: str) -> list[Value]:
        """The values of a list."""
        if isinstance(self.node, Sequence):
            return [
                Value(node, self.origin, self, number)
                for number, node in enumerate(self.node.items)
            ]
        return self._mismatch(expects)

    def entries(self, expects: str) -> dict[str, Value]:
        """The values of a mapping by key; a key that is no text or comes twice is noted."""
        if not isinstance(self.node, Mapping):
            return self._mismatch(expects)
        entries: dict[str, Value] = {}
        for key, node in self.node.entries:
            if not isinstance(key, Scalar):
                if not isinstance(key, Unusable):
                    self._note(key, "a key has to be a plain text")
                continue
            earlier = entries.get(key.text)
            if earlier is not None and earlier.key is not None:
                message = f"key {quoted(key.text)} stands on line {earlier.key.line} already"
                self._note(key, f"{message}; keep one of them")
                continue
            entries[key.text] = Value(node, self.origin, self, key.text, key)
        return entries

    def at(self, *steps: str | int) -> Value:
        """A value further in, or the last one on the way there; to point a fault at."""
        value = self
        for step in steps:
            match value.node:
                case Mapping(entries=entries):
                    found = [(k, n) for k, n in entries if isinstance(k, Scalar) and k.text == step]
                    if not found:
                        return value
                    value = Value(found[0][1], value.origin, value, step, found[0][0])
                case Sequence(items=items) if isinstance(step, int) and step < len(items):
                    value = Value(items[step], value.origin, value, step)
                case _:
                    return value
        return value

    def child(self, key: str) -> Value | None:
        """The value of one key, where this is a mapping that has it."""
        found = self.at(key)
        return None if found is self else found

    def unknown_key(self, allowed: list[str]) -> None:
        """Note that this value's key is not one of those allowed here."""
        name = str(self.step)
        near = difflib.get_close_matches(name[:60], allowed, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "allowed: " + ", ".join(allowed)
        parent = self.parent or self
        parent._note(self.key or self.node, f"unknown key {quoted(name)}; {hint}")

    def _mismatch(self, expects: str) -> NoReturn:
        match self.node:
            case Unusable():
                raise FaultyError
            case Sequence():
                found = "a list"
            case Mapping():
                found = "a mapping"
            case Scalar(text=""):
                found = "nothing"
            case Scalar():
                found = "a single text"
        self.refuse(f"found {found}; allowed: {expects}")

    def _note(self, node: Node, message: str) -> None:
        self.origin.faults.add(Fault(self.origin.file, node.line, node.column, self.path, message))


class Kind(ABC, Generic[T]):
    """One sort of setting, read and written side by side."""

    expects: str
    """What is allowed, as it stands in a fault: "a duration such as 60s"."""

    @abstractmethod
    def read(self, value: Value) -> T:
        """The setting. Raises FaultyError once every fault inside is noted."""

    @abstractmethod
    def write(self, setting: T) -> Plain | None:
        """What reads back equal; None where this kind has no form for the setting."""

    def form(self) -> Kind[Any] | None:
        """The kind that says what is written, where this one reads it in another way.

        None where nothing may be written.
        """
        return self


class ListOf(Kind[tuple[T, ...]]):
    """A list of one kind, in file order."""

    def __init__(self, item: Kind[T], *, name: str, at_least: int = 0) -> None:
        """name: what the items are, in the plural."""
        self.item = item
        self.at_least = at_least
        self.expects = f"a list of {name}"

    def read_each(self, value: Value) -> list[tuple[Value, T]]:
        """Each item that can be used, with where it stands; the rest is noted."""
        return self._good(value.items(self.expects))

    def _good(self, items: list[Value]) -> list[tuple[Value, T]]:
        good = []
        for item in items:
            try:
                good.append((item, self.item.read(item)))
            except FaultyError:
                continue
        return good

    def read(self, value: Value) -> tuple[T, ...]:
        items = value.items(self.expects)
        count = len(items)
        if count < self.at_least:
            value.refuse(f"found {count} items; allowed: {self.expects}, at least {self.at_least}")
        good = self._good(items)
        if len(good) < count:
            raise FaultyError
        return tuple(setting for _, setting in good)

    def write(self, setting: tuple[T, ...]) -> Plain | None:
        if len(setting) < self.at_least:
            return None
        return [plain for item in setting if (plain := self.item.write(item)) is not None]


class Single(Kind[tuple[T, ...]]):
    """One item, written without the brackets of a list."""

    def __init__(self, item: Kind[T]) -> None:
        self.item = item
        self.expects = item.expects

    def read(self, value: Value) -> tuple[T, ...]:
        return (self.item.read(value),)

    def write(self, setting: tuple[T, ...]) -> Plain | None:
        return self.item.write(setting[0]) if len(setting) == 1 else None


class Words(Kind[Any]):
    """A few words that stand for whole settings, or else another kind."""

    def __init__(self, words: dict[str, Any], other: Kind[Any]) -> None:
        self.words = words
        self.other = other
        self.expects = ", ".join(words) + " or " + other.expects

    def read(self, value: Value) -> Any:
        if isinstance(value.node, Scalar):
            if value.node.text in self.words:
                return self.words[value.node.text]
            if isinstance(self.other, ListOf | Record):
                value.text(self.expects)
                value.refuse(f"found {quoted(value.node.text)}; allowed: {self.expects}")
        return self.other.read(value)

    def write(self, setting: Any) -> Plain | None:
        for word, meaning in self.words.items():
            if setting == meaning:
                return word
        return self.other.write(setting)


REQUIRED: Final[Any] = object()
"""The default of a field that has none."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a section.

    default: used where the key is absent.
    to: the name in the record's class where it differs from the key. Fields that
    share it are different ways to give one setting: at most one may be present.
    """

    key: str
    kind: Kind[Any]
    default: Any = REQUIRED
    to: str = ""

    @property
    def name(self) -> str:
        """The name in the record's class."""
        return self.to or self.key.replace("-", "_")


class Record(Kind[T]):
    """A mapping with known keys, kept in a class of its own.

    build: is called with one keyword argument for each field name.
    check: looks at the finished record and notes faults that concern several keys.
    """

    def __init__(
        self,
        build: Callable[..., T],
        expects: str,
        *fields: Field,
        check: Callable[[Value, T], None] | None = None,
    ) -> None:
        self.expects = expects
        self.fields = fields
        self._build = build
        self._check = check
        self._allowed = [field.key for field in fields]
        self._name_of = {field.key: field.name for field in fields}
        self._groups: dict[str, list[Field]] = {}
        for field in fields:
            self._groups.setdefault(field.name, []).append(field)
        defaults = {name: group[0].default for name, group in self._groups.items()}
        self._required = {name for name, given in defaults.items() if given is REQUIRED}
        self._defaults = {name: defaults[name] for name in defaults if name not in self._required}

    def read(self, value: Value) -> T:
        if isinstance(value.node, Scalar) and not value.node.text and not self._required:
            value.refuse(f"found nothing; allowed: {self.expects}, or {{}} to take all defaults")
        entries = value.entries(self.expects)
        faulty = False
        # Most keys are absent from most records: only what is there, or has to be, is read.
        to_read = set(self._required)
        for key, entry in entries.items():
            if (name := self._name_of.get(key)) is not None:
                to_read.add(name)
            else:
                entry.unknown_key(self._allowed)
                faulty = True
        settings: dict[str, Any] = dict(self._defaults)
        for name, group in self._groups.items():
            if name not in to_read:
                continue
            try:
                settings[name] = self._read_group(value, entries, group)
            except FaultyError:
                faulty = True
        if faulty:
            raise FaultyError
        record = self._build(**settings)
        if self._check is not None:
            self._check(value, record)
        return record

    def _read_group(self, value: Value, entries: dict[str, Value], group: list[Field]) -> Any:
        present = [field for field in group if field.key in entries]
        if not present:
            keys = " or ".join(repr(field.key) for field in group)
            expected = [field.kind.expects for field in group]
            value.refuse(f"{keys} is missing; give {' or '.join(expected)}")
        for field in present[1:]:
            entries[field.key].fault(f"{present[0].key!r} is given too; keep one of them")
        return present[0].kind.read(entries[present[0].key])

    def write(self, setting: T) -> Plain | None:
        return dict(self._written(setting))

    def _written(self, setting: T) -> Iterator[tuple[str, Plain]]:
        for name, group in self._groups.items():
            held = getattr(setting, name)
            for field in group:
                unset = held is None and not isinstance(field.kind, Words)
                plain = None if unset else field.kind.write(held)
                if plain is not None:
                    yield field.key, plain
                    break
