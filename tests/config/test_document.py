"""Any octets become a tree or a fault; nothing else comes out."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mapsys.config import document
from mapsys.config.document import DEPTH_LIMIT, DOCUMENT_LIMIT_OCTETS, Mapping, Node, compose
from mapsys.config.faults import ConfigError, Faults


def faults_of(octets: bytes) -> list[str]:
    """The faults of a document; empty where it is good."""
    faults = Faults()
    node = compose(octets, "f", faults)
    try:
        faults.raise_if_any()
    except ConfigError as error:
        return [str(fault) for fault in error.faults]
    assert node is not None
    return []


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"", "f:1:1: the file is empty; a configuration was expected"),
        (b"# nothing\n", "f:1:1: the file is empty; a configuration was expected"),
        (b"a: 1\nb: \xff", "f:2:4: octet 0xff is not UTF-8; save the file as UTF-8"),
        (
            "a: ä".encode("utf-16"),
            "f:1:1: octet 0xff is not UTF-8; save the file as UTF-8",
        ),
        (
            b"a: 1\nb: \x00",
            "f:2:4: control character '\\x00' is not allowed in YAML; remove it",
        ),
        (
            b"\x7fELF\x02\x01\x01\x00",
            "f:1:1: control character '\\x7f' is not allowed in YAML; remove it",
        ),
        (b"- " * 100_000, f"f:1:{2 * DEPTH_LIMIT + 1}: nested more than {DEPTH_LIMIT} levels deep"),
        (b"a: 1\n---\nb: 2\n", "f:2:1: a second document starts here; one is allowed"),
        (
            b"a: &a [*a, *a]",
            "f:1:4: anchors, aliases and merge keys are not read; write the value out",
        ),
        (
            b"a: !!python/object:os.system x",
            "f:1:4: tags are not read; remove 'tag:yaml.org,2002:python/object:os.system',"
            " the key itself decides how its value is read",
        ),
        (b" " * (DOCUMENT_LIMIT_OCTETS + 1), "f: larger than 32 MiB; split it with include:"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_what_is_no_document_has_a_fault_at_its_place(octets: bytes, fault: str) -> None:
    assert faults_of(octets)[0] == fault


@pytest.mark.parametrize(
    "octets", [b"a: [1, 2", b"a:\n\t- 1", b"a: b: c", b"%YAML 9.9\n---\na", b"a: 'b", b"{" * 31]
)
def test_broken_yaml_is_named_with_line_and_column(octets: bytes) -> None:
    (fault,) = faults_of(octets)
    assert ": not valid YAML: " in fault
    assert fault.startswith(("f:1:", "f:2:"))


def test_aliases_that_multiply_are_refused_without_being_followed() -> None:
    laughs = b"a0: &a0 [x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)
    )
    assert len(faults_of(laughs)) == 30 + 29 * 9


def test_positions_count_characters_from_one() -> None:
    faults = Faults()
    node = compose("\ufeffä: [ö, ü]\n".encode(), "f", faults)
    assert isinstance(node, Mapping)
    ((key, value),) = node.entries
    assert (key.line, key.column) == (1, 1)
    assert (value.line, value.column) == (1, 4)


def test_the_parser_in_python_gives_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b'a: [1, "two", {b: c}]\nd:\n- e\n- {}\n- |\n  text\n'
    trees: list[Node | None] = []
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        monkeypatch.setattr(document, "_LOADER", loader)
        trees.append(compose(text, "f", Faults()))
    assert trees[0] is not None
    assert trees[0] == trees[1]


def test_half_a_surrogate_pair_is_refused_where_the_parser_lets_it_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    assert faults_of(b'a: "\\ud800"') == ["f:1:4: half of a surrogate pair is no character"]


@given(st.binary(max_size=200))
def test_any_octets_give_a_tree_or_faults(octets: bytes) -> None:
    faults_of(octets)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%? \n\t,\\0", max_size=60))
def test_any_yaml_like_text_gives_a_tree_or_faults(text: str) -> None:
    faults_of(text.encode())
