"""The JSON of a site: every fault with its place, and no secret shown or lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mapsys.provision.document import (
    SiteFaults,
    packed,
    parse,
    read_site,
    shown,
    with_kept_secrets,
)

SITE: dict[str, Any] = {
    "name": "site-one",
    "keys": [{"id": 1, "secret": "first", "next-secret": "second"}, {"id": "2", "secret": "third"}],
    "eids": [{"prefix": "198.18.1.0/24", "instance-id": 7}],
    "lisp-sec": {"id": 3, "secret": "fourth"},
}


def faults(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SiteFaults) as caught:
        read_site(document)
    return dict(caught.value.faults)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "no JSON"),
        (b'{"a": 1', "no JSON"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": 1, "a": 2}', "'a' stands there twice"),
        (b'{"a": "\xff"}', "no JSON"),
        (b"[" * 100_000, "nested more than"),
        (b"[]", "found no object"),
        (b"7", "found no object"),
    ],
)
def test_what_is_no_object_is_told_in_words(octets: bytes, said: str) -> None:
    with pytest.raises(SiteFaults, match=said):
        parse(octets)


def test_numbers_and_truths_are_read_like_the_texts_of_a_file() -> None:
    site = read_site(SITE)
    assert [key.id for key in site.keys] == [1, 2]
    assert str(site.eids[0].prefix) == "[7]198.18.1.0/24"
    assert parse(packed(SITE)) == SITE


def test_all_faults_come_at_once_each_with_its_pointer() -> None:
    wrong = {
        **SITE,
        "name": "no name",
        "keys": [{"id": 1.5, "secret": "any"}, {"id": 1, "secret": None}],
        "eids": [{"prefix": "198.18.1.1/24"}],
        "enabled": 1,
    }
    found = faults(wrong)
    assert sorted(found) == [
        "/eids/0/prefix",
        "/enabled",
        "/keys/0/id",
        "/keys/1/secret",
        "/name",
    ]
    assert "did you mean 198.18.1.0/24?" in found["/eids/0/prefix"]


def test_no_file_is_read_for_whoever_sends_a_site() -> None:
    document = {**SITE, "keys": [{"id": 1, "secret-file": "/etc/hostname"}]}
    assert "no file is read" in faults(document)["/keys/0/secret-file"]


def test_what_cannot_be_a_character_is_refused() -> None:
    assert "surrogate" in faults({**SITE, "name": json.loads('"\\ud800"')})[""]


def test_secrets_are_hidden_and_found_again() -> None:
    hidden = shown(SITE)
    assert not [word for word in ("first", "second", "third", "fourth") if word in str(hidden)]
    assert with_kept_secrets(hidden, SITE) == SITE
    other_order = {**hidden, "keys": hidden["keys"][::-1]}
    assert with_kept_secrets(other_order, SITE)["keys"] == SITE["keys"][::-1]
    unknown = {**hidden, "keys": [{"id": 9, "secret": "***"}]}
    assert "stands for a secret" in faults(with_kept_secrets(unknown, SITE))["/keys/0/secret"]
