"""What is found in a ``sites.db`` that is not as it was left: a sentence, or a site less."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mapsys.config.model import Config, Control, MapServerConfig
from mapsys.net.journal_files import APPLICATION_ID, SCHEMA_VERSION, JournalError
from mapsys.net.log import open_log
from mapsys.provision.database import Row, SiteDatabase
from mapsys.provision.sites import provisioned_sites

DOCUMENT = json.dumps(
    {"name": "kept", "keys": [{"id": 1, "secret": "any"}], "eids": [{"prefix": "198.18.1.0/24"}]}
).encode()


def open_in(folder: Path) -> tuple[list[str], str]:
    """Names of the sites, and what was logged."""
    said = io.StringIO()
    config = Config("ms1", folder, Control(()), map_server=MapServerConfig())
    with provisioned_sites(config, open_log(said)) as opened:
        return [site.name for site in opened.sites], said.getvalue()


def statement(text: str, *parameters: object) -> Callable[[Path], None]:
    def carry_out(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(text, parameters)
        connection.commit()
        connection.close()

    return carry_out


def with_octets(octets: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(octets)

    return write


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (statement(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"), "written by a newer mapsys"),
        (statement(f"PRAGMA application_id = {APPLICATION_ID + 1}"), "not a database of mapsys"),
        (statement("DROP TABLE sites"), "damaged"),
        (statement("ALTER TABLE sites ADD COLUMN more"), "damaged"),
        (statement("UPDATE sites SET document = 7"), "damaged"),
        (statement("UPDATE sites SET name = CAST(x'ff' AS TEXT)"), "damaged"),
        (with_octets(b"no database, but long enough to be one" * 100), "damaged"),
    ],
)
def test_it_is_refused_in_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    database = SiteDatabase(tmp_path)
    database.put(Row("kept", "1", DOCUMENT))
    database.close()
    assert open_in(tmp_path)[0] == ["kept"]
    spoil(tmp_path / "sites.db")
    with pytest.raises(JournalError, match=said) as caught:
        open_in(tmp_path)
    assert str(tmp_path / "sites.db") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", [b"{", b"[]", b"\xff", b'{"name": "odd"}', b"[" * 10_000])
def test_a_site_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, document: bytes) -> None:
    database = SiteDatabase(tmp_path)
    database.put(Row("kept", "1", DOCUMENT))
    database.put(Row("odd", "2", document))
    database.close()
    names, said = open_in(tmp_path)
    assert names == ["kept"]
    assert "site odd is left out" in said
