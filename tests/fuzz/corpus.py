"""Corpora: inputs that reach something no other reaches, kept in the tree, one file each."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Final

from tests.fuzz.target import Target

CORPUS_FOLDER: Final = Path(__file__).with_name("corpus")


def inputs_of(target: Target) -> Iterator[bytes]:
    """The seeds, then the kept inputs, in the order of their names."""
    yield from target.seeds()
    for path in sorted((CORPUS_FOLDER / target.name).glob("*")):
        yield path.read_bytes()


def write_inputs(folder: Path, inputs: Iterator[bytes]) -> None:
    """One file an input, named after what is in it as libFuzzer does."""
    folder.mkdir(parents=True, exist_ok=True)
    for octets in inputs:
        (folder / sha1(octets, usedforsecurity=False).hexdigest()).write_bytes(octets)
