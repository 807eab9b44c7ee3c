"""A daemon with one site, for benchmarks of its HTTP side."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.packets import KEY_ID, SITE_PREFIX

_SECRET: Final = "benchmark"


def configuration(folder: Path, port: int, engine: str) -> Path:
    """A Map-Server and Map-Resolver with one site, without rate limits.

    engine: "auto", "native" or "pure".
    """
    secret = folder / "site.key"
    secret.write_text(_SECRET, encoding="ascii")
    secret.chmod(0o600)
    path = folder / "mapsys.yaml"
    path.write_text(
        f"""\
node: benchmark
engine: {engine}
state: {folder / "state"}
control: {{listen: ["{processes.HOST}:{port}"]}}
authority: [{{prefix: {SITE_PREFIX}}}]
map-server: {{proxy-reply: always, rate-limits: off}}
map-resolver: {{}}
sites:
  - name: benchmark
    keys: [{{id: {KEY_ID}, algorithm: hmac-sha-256-128, secret-file: {secret.name}}}]
    eids: [{{prefix: {SITE_PREFIX}, accept-more-specifics: true, more-specifics-limit: 10000000}}]
    rlocs: any
    notify-port: source
""",
        encoding="utf-8",
    )
    return path
