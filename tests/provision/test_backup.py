"""A backup brings back the sites of the database, with their secrets, and the audit trail."""

from __future__ import annotations

import io
import json
import time
from contextlib import closing
from pathlib import Path

from mapsys.backup import back_up, restore
from mapsys.config.model import Config, Control, MapServerConfig
from mapsys.net.audit import AuditTrail
from mapsys.net.journal import Journal
from mapsys.net.log import open_log
from mapsys.provision.database import Row, SiteDatabase
from mapsys.provision.sites import provisioned_sites

SITE = {
    "name": "customer",
    "keys": [{"id": 1, "secret": "canary-2f11"}],
    "eids": [{"prefix": "198.18.3.0/24"}],
}


def test_a_site_is_in_force_where_a_backup_was_restored(tmp_path: Path) -> None:
    state, elsewhere, copy = (tmp_path / name for name in ("state", "elsewhere", "copy.tar.gz"))
    journal = Journal.open(state, now=time.monotonic(), wall=time.time(), restart_grace_seconds=60)
    database = SiteDatabase(state)
    with closing(journal), closing(database):  # in use while it is copied
        database.put(Row("customer", "1", json.dumps(SITE).encode()))
        AuditTrail(state).append(what="site-create", site="customer")
        held = {row.name for row in back_up(state, copy).files}
    assert {"sites.db", "audit.jsonl", "journal.db"} <= held
    restore(copy, elsewhere, force=False)
    config = Config("ms1", elsewhere, Control(()), map_server=MapServerConfig())
    with provisioned_sites(config, open_log(io.StringIO())) as opened:
        (site,) = opened.sites
        assert (site.name, site.keys[0].secret.reveal()) == ("customer", b"canary-2f11")
    assert (elsewhere / "sites.db").stat().st_mode & 0o077 == 0
    (line,), _ = AuditTrail(elsewhere).read_back(None, 10)
    assert line["site"] == "customer"
