"""The configuration in effect reads back equal, and shows no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from tests.config.files import GOOD, put
from tests.config.test_load import ALT, DEMO, EXAMPLE


def with_secret_files(text: str, folder: Path) -> str:
    """The same with each secret in a file of its own."""
    for number in (1, 2, 3):
        put(folder, f"a-laboratory-secret-{number}\n", f"{number}.key", 0o600)
        text = text.replace(f"secret: a-laboratory-secret-{number}", f"secret-file: {number}.key")
    return text


@pytest.mark.parametrize("text", [GOOD, EXAMPLE, GOOD + ALT], ids=["small", "full", "alt"])
def test_what_is_dumped_reads_back_equal(text: str, tmp_path: Path) -> None:
    config = load(put(tmp_path, with_secret_files(text, tmp_path)))
    again = load(put(tmp_path, dump(config), "elsewhere/again.yaml"))
    assert again == config
    assert dump(again) == dump(config)


def test_included_sites_are_dumped_in_place(tmp_path: Path) -> None:
    head, _, sites = with_secret_files(EXAMPLE, tmp_path).partition("sites:")
    put(tmp_path, "sites:" + sites.replace("secret-file: ", "secret-file: ../"), "sites.d/a.yaml")
    config = load(put(tmp_path, head + "include: sites.d/*.yaml\n"))
    assert "include:" not in dump(config)
    assert load(put(tmp_path, dump(config), "again.yaml")) == config


def test_a_secret_is_dumped_by_its_file_or_not_at_all(tmp_path: Path) -> None:
    mixed = EXAMPLE.replace("next-secret: a-laboratory-secret-2", "next-secret-file: 2.key")
    put(tmp_path, "in-a-file", "2.key", 0o600)
    dumped = dump(load(put(tmp_path, mixed)))
    assert "laboratory" not in dumped
    assert "in-a-file" not in dumped
    assert dumped.count("secret: '***'") == 3
    assert f"next-secret-file: {tmp_path}/2.key" in dumped


def test_a_hidden_secret_does_not_pass_for_a_real_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path, dump(load(DEMO))))
    assert len(caught.value.faults) == 4
    assert all("write the secret" in fault.message for fault in caught.value.faults)


@settings(max_examples=40)
@given(name=st.text(alphabet=st.characters(codec="utf-8"), max_size=7))
def test_any_name_as_eid_survives(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dump")
    put(folder, "a-laboratory-secret-1", "1.key", 0o600)
    escaped = "".join(f"\\U{ord(character):08x}" for character in f'"{name}"')
    text = GOOD + (
        "sites:\n  - name: site-one\n    keys: [{id: 1, secret-file: 1.key}]\n"
        f'    eids: [{{prefix: "{escaped}"}}]\n'
    )
    config = load(put(folder, text))
    assert config.sites[0].eids[0].prefix.network_octets().startswith(name.encode())
    assert load(put(folder, dump(config))) == config
