"""YAML octets to a tree of nodes that know their line and column; nothing is typed here.

The tree is built from parser events rather than by ``yaml.compose``: that way an
alias is seen where it is written, depth is bounded before anything recurses, and
5 000 sites take a fifth of the time. Next on the path: :mod:`mapsys.config.schema`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

import yaml

from mapsys.config.faults import Fault, Faults, quoted

DOCUMENT_LIMIT_OCTETS: Final = 32 * 1024 * 1024
"""A file of 150 000 sites; larger site lists belong into the database."""

DEPTH_LIMIT: Final = 32
"""Nested mappings and lists; the deepest setting stands at depth 8."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""What only an escape such as ``"\\ud800"`` can bring in."""
_NO_ALIAS: Final = "anchors, aliases and merge keys are not read; write the value out"
_NO_TAG: Final = "tags are not read; remove {tag}, the key itself decides how its value is read"


class Scalar(NamedTuple):
    """A text, however it was quoted. line, column: from 1."""

    line: int
    column: int
    text: str


class Sequence(NamedTuple):
    """A list of nodes."""

    line: int
    column: int
    items: list[Node]


class Mapping(NamedTuple):
    """Keys with their values in file order; duplicates are still there."""

    line: int
    column: int
    entries: list[tuple[Node, Node]]


class Unusable(NamedTuple):
    """Stands where a fault has been noted already, so that reading can go on."""

    line: int
    column: int


Node = Scalar | Sequence | Mapping | Unusable


def compose(octets: bytes, file: str, faults: Faults) -> Node | None:
    """The root node of the one document in a file, or None with a fault noted.

    Any octets are taken: nothing but TooManyFaultsError is raised.
    """
    text = _decode(octets, file, faults)
    if text is None:
        return None
    composer = _Composer(file, faults)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if not composer.take(event):
                return None
    except yaml.MarkedYAMLError as error:
        line, column = _position(error.problem_mark or error.context_mark)
        problem = "; ".join(part for part in (error.problem, error.context) if part)
        faults.add(Fault(file, line, column, "", f"not valid YAML: {problem}"))
        return None
    if composer.root is None:
        faults.add(Fault(file, 1, 1, "", "the file is empty; a configuration was expected"))
    return composer.root


class _Composer:
    """Builds the tree from parser events, one at a time, with a stack of its own."""

    def __init__(self, file: str, faults: Faults) -> None:
        self.root: Node | None = None
        self._file = file
        self._faults = faults
        self._stack: list[Sequence | Mapping] = []
        self._keys: list[Node | None] = []
        """For each open collection the key that still waits for its value."""

    def take(self, event: yaml.Event) -> bool:
        """False when reading has to stop; the fault is noted."""
        line, column = _position(event.start_mark)
        match event:
            case yaml.ScalarEvent():
                self._check(event, line, column)
                if not event.value.isascii() and _SURROGATE.search(event.value):
                    self._fault(line, column, "half of a surrogate pair is no character")
                    self._place(Unusable(line, column))
                else:
                    self._place(Scalar(line, column, event.value))
            case yaml.AliasEvent():
                self._fault(line, column, _NO_ALIAS)
                self._place(Unusable(line, column))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._stack) >= DEPTH_LIMIT:
                    self._fault(line, column, f"nested more than {DEPTH_LIMIT} levels deep")
                    return False
                self._check(event, line, column)
                is_list = isinstance(event, yaml.SequenceStartEvent)
                node = Sequence(line, column, []) if is_list else Mapping(line, column, [])
                self._place(node)
                self._stack.append(node)
                self._keys.append(None)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._stack.pop()
                self._keys.pop()
            case yaml.DocumentStartEvent() if self.root is not None:
                self._fault(line, column, "a second document starts here; one is allowed")
                return False
        return True

    def _check(self, event: yaml.NodeEvent, line: int, column: int) -> None:
        if event.anchor is not None:
            self._fault(line, column, _NO_ALIAS)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._fault(line, column, _NO_TAG.format(tag=quoted(tag)))

    def _place(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = node
        else:
            parent.entries.append((key, node))
            self._keys[-1] = None

    def _fault(self, line: int, column: int, message: str) -> None:
        self._faults.add(Fault(self._file, line, column, "", message))


def _decode(octets: bytes, file: str, faults: Faults) -> str | None:
    if len(octets) > DOCUMENT_LIMIT_OCTETS:
        limit = DOCUMENT_LIMIT_OCTETS // (1024 * 1024)
        faults.add(Fault(file, 0, 0, "", f"larger than {limit} MiB; split it with include:"))
        return None
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode("utf-8-sig", "replace")
        message = f"octet 0x{octets[error.start]:02x} is not UTF-8; save the file as UTF-8"
        faults.add(Fault(file, *_end_of(before), "", message))
        return None
    found = _UNPRINTABLE.search(text)
    if found is not None:
        message = f"control character {quoted(found.group())} is not allowed in YAML; remove it"
        faults.add(Fault(file, *_end_of(text[: found.start()]), "", message))
        return None
    return text


def _end_of(text: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


class _Mark(Protocol):
    """What the C and the Python parser's marks have in common."""

    line: int
    column: int


def _position(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
