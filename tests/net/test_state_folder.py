"""Who may look into a state folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.net.journal_run import run


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o777])
def test_a_folder_that_is_open_to_others_is_closed_and_told(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    with run(folder) as opened:
        assert opened.journal.mended is not None
        assert f"was open to others (mode {mode:04o})" in opened.journal.mended
        assert folder.stat().st_mode & 0o777 == 0o700
        opened.register(1)
        opened.commit()
    with run(folder) as again:
        assert again.journal.mended is None
        assert len(again.mappings()) == 1


def test_a_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    with run(tmp_path / "state") as opened:
        assert opened.journal.mended is None
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
