"""A backup of a node that runs, and what a node finds that starts from it."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mapsys.backup import BackupError, back_up, restore
from mapsys.cli.main import cli
from tests.daemon.node import SECRET, Node, xtr
from tests.daemon.test_trial import mapsys, started

PREFIXES = [f"198.18.1.{host}/32" for host in range(0, 60, 3)]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)], prog_name="mapsys")


def test_a_backup_brings_back_registrations_and_nonces(node: Node, tmp_path: Path) -> None:
    text = node.config.read_text().replace("rate-limits: off", "rate-limits: off, replay: strict")
    node.config.write_text(text)
    started(node)
    copy = tmp_path / "copy.tar.gz"
    with xtr(node.address) as site:
        recorded = site.register("198.18.1.200/32")
        assert site.hears() is not None
        for prefix in PREFIXES[:10]:
            site.registers(prefix)
        for prefix in PREFIXES[10:]:
            site.register(prefix)  # while it is copied
        taken = run("backup", copy, "--state", node.state)
        assert taken.exit_code == 0, taken.output
        assert copy.stat().st_mode & 0o777 == 0o600
        refused = run("restore", copy, "--state", node.state, "--force")
        assert refused.exit_code == 1
        assert "already used" in refused.stderr
        while site.hears(0.5):
            pass
        exported = mapsys(node, "export", "registrations").stdout
        assert exported.splitlines() == sorted(exported.splitlines())
        node.stop()
        refused = run("restore", copy, "--state", node.state)
        assert (refused.exit_code, "not empty" in refused.stderr) == (1, True)
        assert run("restore", copy, "--state", node.state, "--force").exit_code == 0
        assert len(list(node.state.glob("replaced-*/journal.db"))) == 1
        started(node)
        assert node.wait_for("ready")["restored"] >= 11
        assert node.named("state-damaged") == []
        for prefix in PREFIXES[:10]:
            reply = site.asks(prefix.partition("/")[0])
            assert reply is not None
            assert reply.records[0].rlocs
        while site.hears(0.2):
            pass
        site.socket.sendto(recorded, site.server)
        assert node.wait_for("message-dropped")["reason"] == "replayed"


def test_a_damaged_backup_changes_nothing(tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy.tar.gz"
    with pytest.raises(BackupError, match="no state folder"):
        back_up(state, copy)
    state.mkdir()
    (state / "journal.db").write_bytes(b"any octets")
    back_up(state, copy)
    with pytest.raises(BackupError, match="name a new file"):
        back_up(state, copy)
    empty = tmp_path / "empty"
    octets = copy.read_bytes()
    for damaged in (octets[: len(octets) // 2], b"", _with_other_octets(copy), _elsewhere()):
        bad = tmp_path / "bad.tar.gz"
        bad.write_bytes(damaged)
        with pytest.raises(BackupError):
            restore(bad, empty, force=False)
        assert [path.name for path in empty.iterdir()] == ["lock"]
    restore(copy, empty, force=False)
    assert (empty / "journal.db").read_bytes() == b"any octets"


def _with_other_octets(copy: Path) -> bytes:
    """The same manifest with another file of equal length."""
    with tarfile.open(copy) as bundle:
        manifest = bundle.extractfile("manifest.json")
        assert manifest is not None
        return _bundle({"manifest.json": manifest.read(), "journal.db": b"all octets"})


def _elsewhere() -> bytes:
    row = {"name": "../outside", "octets": 0, "sha256": ""}
    manifest = {"format": 1, "version": "0", "taken_at": 0.0, "files": [row]}
    return _bundle({"manifest.json": json.dumps(manifest).encode(), "../outside": b""})


def _bundle(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as bundle:
        for name, octets in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(octets)
            bundle.addfile(member, io.BytesIO(octets))
    return out.getvalue()


def test_diagnostics_hold_no_secret(node: Node, tmp_path: Path) -> None:
    started(node)
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
    file = tmp_path / "diag.tar.gz"
    done = mapsys(node, "diag", str(file), "--log", str(node.folder / "log-1"))
    assert done.exit_code == 0, done.output
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as bundle:
        parts = {one.name.partition("/")[2]: bundle.extractfile(one) for one in bundle}
        texts = {name: part.read() for name, part in parts.items() if part is not None}
    assert texts["problems.txt"] == b""
    assert {"status.json", "config.json", "metrics.txt", "limits.json", "log.txt"} <= set(texts)
    assert json.loads(texts["registrations.json"])[0]["eid_prefix"] == "198.18.1.0/24"
    for name, text in texts.items():
        assert SECRET.encode() not in text, name
    assert mapsys(node, "diag", str(file)).exit_code == 1, "it overwrites nothing"


def test_diagnostics_of_a_node_that_is_down_say_so(tmp_path: Path) -> None:
    file = tmp_path / "diag.tar.gz"
    done = run("diag", file, "--state", tmp_path / "nowhere")
    assert done.exit_code == 0
    assert "status.json: no answer" in done.stderr
    assert file.exists()
