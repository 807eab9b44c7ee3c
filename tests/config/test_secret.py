"""Secrets come from files only their owner can read, and show nowhere."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.config.model import KeyConfig
from mapsys.config.secret import SECRET_LIMIT_OCTETS, Secret
from tests.config.files import GOOD, put

WITH_FILE = GOOD + (
    "sites:\n"
    "  - name: site-one\n"
    "    keys: [{id: 1, secret-file: keys/one.key}]\n"
    "    eids: [{prefix: 198.18.1.0/24}]\n"
)
FILE_PLACE = "mapsys.yaml:6:33: sites[0].keys[0].secret-file: "


def key_of(folder: Path) -> KeyConfig:
    """The one key of the one site, with its secret in ``keys/one.key``."""
    return load(put(folder, WITH_FILE)).sites[0].keys[0]


def fault_of(folder: Path) -> str:
    """The one fault, from the key path on."""
    with pytest.raises(ConfigError) as caught:
        load(put(folder, WITH_FILE))
    (fault,) = caught.value.faults
    place, _, message = str(fault).partition(FILE_PLACE)
    assert place == f"{folder}/"
    return message


def test_the_secret_is_the_file_without_its_line_end(tmp_path: Path) -> None:
    for text, secret in (("s e\n", b"s e"), ("x\r\n", b"x"), ("x\n\n", b"x\n"), ("x", b"x")):
        path = put(tmp_path, text, "keys/one.key", 0o600)
        assert key_of(tmp_path).secret.reveal() == secret
        assert key_of(tmp_path).secret.file == path


def test_a_secret_never_shows(tmp_path: Path) -> None:
    put(tmp_path, "never-to-be-seen", "keys/one.key", 0o600)
    key = key_of(tmp_path)
    shown = f"{key.secret} {key.secret!r} {key!r}"
    assert "never" not in shown
    assert shown.startswith("*** *** KeyConfig(")


def test_secrets_are_equal_by_their_octets() -> None:
    assert Secret(b"one") == Secret(b"one")
    assert Secret(b"one") != Secret(b"two")
    assert pickle.loads(pickle.dumps(Secret(b"one"))).reveal() == b"one"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    path = put(tmp_path, "secret", "keys/one.key", mode)
    assert fault_of(tmp_path) == (
        f"'{path}' is open to others than its owner (mode {mode:04o}); run: chmod 600 {path}"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert fault_of(tmp_path) == (
        f"'{tmp_path}/keys/one.key' cannot be read: No such file or directory"
    )


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "\n", "keys/one.key", 0o600)
    assert fault_of(tmp_path) == f"'{path}' is empty; write the secret into it"


def test_a_file_too_large_for_a_secret_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "x" * (SECRET_LIMIT_OCTETS + 1), "keys/one.key", 0o600)
    assert fault_of(tmp_path) == f"'{path}' holds more than {SECRET_LIMIT_OCTETS} octets"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    os.mkfifo(tmp_path / "keys/one.key", 0o600)
    assert fault_of(tmp_path) == (
        f"'{tmp_path}/keys/one.key' cannot be read: it is not a regular file"
    )


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    text = WITH_FILE.replace("keys/one.key", '"a\\0b"')
    with pytest.raises(ConfigError, match=r"sites\[0\].keys\[0\].secret-file: 'a\\x00b' is not a"):
        load(put(tmp_path, text))


def test_a_secret_in_the_configuration_is_bounded(tmp_path: Path) -> None:
    text = WITH_FILE.replace("secret-file: keys/one.key", f"secret: {'ü' * SECRET_LIMIT_OCTETS}")
    with pytest.raises(ConfigError, match="the secret is longer than 4096 octets") as caught:
        load(put(tmp_path, text))
    assert "ü" not in str(caught.value)
