"""The section ``hooks:``, read, refused and written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.hooks import HookUrl
from mapsys.config.load import load
from tests.config.files import GOOD, put

SECRET = "the secret of the hook"
HOOKS = """\
hooks:
  - {on: [arrival, departure], url: "http://[::1]:9000/moves", secret-file: hook.key}
  - {on: [arrival], url: "https://hooks.example/a", secret-file: hook.key, ca: ca.pem}
"""


def written(folder: Path, text: str = HOOKS) -> Path:
    key = folder / "hook.key"
    key.write_text(SECRET + "\n")
    key.chmod(0o600)
    return put(folder, GOOD + text)


def test_every_key_is_read_and_absence_is_no_hook(tmp_path: Path) -> None:
    assert load(put(tmp_path, GOOD)).hooks == ()
    first, second = load(written(tmp_path)).hooks
    assert (first.on, first.url) == (("arrival", "departure"), "http://[::1]:9000/moves")
    assert (first.secret.reveal(), first.ca) == (SECRET.encode(), None)
    assert (second.on, second.ca) == (("arrival",), tmp_path / "ca.pem")


def test_what_is_dumped_reads_back_equal_and_holds_no_secret(tmp_path: Path) -> None:
    config = load(written(tmp_path))
    assert SECRET not in dump(config)
    assert SECRET not in repr(config)
    assert load(put(tmp_path, dump(config), "again.yaml")) == config


@pytest.mark.parametrize(
    "url",
    [
        *("http://192.0.2.1/", "http://hooks.example/", "http://localhost/", "ftp://127.0.0.1/"),
        *("https://user:word@hooks.example/", "https://hooks.example/?token=1", "moves"),
        *("https://hooks.example/#part", "https:///moves", "http://127.0.0.1:0/"),
        *("http://127.0.0.1:70000/", "https://hooks.example/a b", "https://[::1/"),
    ],
)
def test_a_url_that_would_not_do_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        HookUrl().parse(url)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hooks: [{on: [], url: 'http://127.0.0.1/', secret-file: hook.key}]\n", "at least 1"),
        (
            "hooks: [{on: [arrival, arrival], url: 'http://127.0.0.1/', secret-file: hook.key}]\n",
            "stands in the list already",
        ),
        ("hooks: [{on: [moves], url: 'http://127.0.0.1/', secret-file: hook.key}]\n", "departure"),
        ("hooks: [{on: [arrival], url: 'http://127.0.0.1/'}]\n", "secret-file"),
        (
            "hooks:\n" + 2 * "  - {on: [arrival], url: 'http://[::1]/', secret-file: hook.key}\n",
            "another hook has this URL",
        ),
        (
            "hooks:\n"
            + "".join(
                f"  - {{on: [arrival], url: 'http://[::1]:{n}/', secret-file: hook.key}}\n"
                for n in range(1, 10)
            ),
            "at most 8",
        ),
    ],
)
def test_a_faulty_hook_is_refused(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert any(fault in str(one) for one in caught.value.faults), caught.value.faults
