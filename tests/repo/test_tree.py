"""The tree as a reader finds it: links lead somewhere, words are the project's own."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path

import pytest

from mapsys.core.reasons import Drop, Refusal
from mapsys.net.log import Event
from mapsys.wire.errors import WIRE_REASONS

ROOT = Path(__file__).resolve().parents[2]

CODE_LINES_LIMIT = 400

FOREIGN = {
    "a path of one machine": r"(?<![\w.}])/(?:root|home|work)/\w",
    "a host of a package registry": r"\b(?:py[p]i|pythonhoste[d]|npmj[s]|de[b]ian)\.(?:org|com)\b",
    "something left undone": r"\b(?:TO[D]O|FIX[M]E|XX[X])\b",
    "a merge that was not finished": r"^(?:<{7}|>{7}) ",
    "a number of some tracker": r"(?i)\b(?:issue|ticket|task)s? #?\d+\b",
}


@cache
def tracked() -> list[Path]:
    """Every text file under version control that is still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=20
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_contains(what: str) -> None:
    pattern = re.compile(FOREIGN[what], re.MULTILINE)
    for path in tracked():
        found = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path.relative_to(ROOT)}: {found and found[0]!r}"


def test_links_between_documents_lead_somewhere() -> None:
    links = 0
    for path in documents():
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                links += 1
                file = target.partition("#")[0]
                assert not file or (path.parent / file).exists(), f"{path.name}: {target}"
    assert links


def test_paths_named_in_documents_are_there() -> None:
    named = re.compile(
        r"`((?:mapsys|alt|docs|deploy|tests|scripts|benchmarks)/[\w./-]*|[\w-]+\.(?:md|yml|txt))`"
    )
    for path in documents():
        for name in named.findall(path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path.relative_to(ROOT)} names {name}"


@pytest.mark.parametrize("word", sorted({*WIRE_REASONS, *Drop, *Refusal, *Event}))
def test_reason_or_event_is_explained_to_operators(word: str) -> None:
    assert f"`{word}`" in text_of("docs/failures.md")


def test_make_commands_named_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"^\s*make ([a-z-]+)", text, re.MULTILINE):
            assert target in targets, f"{path.relative_to(ROOT)} says make {target}"
        for target in re.findall(r"`make ([a-z-]+)", text):
            assert target in targets, f"{path.relative_to(ROOT)} says make {target}"
        for script in re.findall(r"\bscripts/[a-z_]+\.\w+", text):
            assert (ROOT / script).is_file(), f"{path.relative_to(ROOT)} says {script}"


def test_first_screen_of_the_readme_has_the_two_commands() -> None:
    first_screen = "\n".join(text_of("README.md").splitlines()[:30])
    for command in ("make run", "make test", "scripts/run.sh", "scripts/test.sh"):
        assert command in first_screen


def test_decisions_are_numbered_without_a_gap() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:5] for name in names] == [f"{n:04}-" for n in range(1, len(names) + 1)]


def code_lines(path: Path) -> int:
    """Lines with code on them: no blank lines, comments or docstrings."""
    lines: set[int] = set()
    after_newline = True
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
        if token.type in skipped:
            continue
        is_docstring = token.type == tokenize.STRING and after_newline
        after_newline = token.type == tokenize.NEWLINE
        if not is_docstring and token.type != tokenize.NEWLINE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def test_modules_stay_small_enough_to_read_in_one_sitting() -> None:
    python = [path for path in tracked() if path.suffix == ".py" and "tests" not in path.parts]
    assert python
    for path in python:
        assert code_lines(path) <= CODE_LINES_LIMIT, path.relative_to(ROOT)
