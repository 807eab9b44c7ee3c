"""``mapsys status``: how the daemon is."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.exits import ExitCode
from mapsys.cli.output import Column, Item, field, output_option, print_item
from mapsys.cli.watch import watch_option

ROWS = (
    Column("node", field("node")),
    Column("version", field("version")),
    Column("engine", lambda item: f"{item['engine']}: {item['engine_reason']}"),
    Column("ready", field("ready")),
    Column("not ready", field("not_ready")),
    Column("degraded", field("degraded")),
    Column("roles", field("roles")),
    Column("capabilities", field("capabilities")),
    Column("listening", lambda item: [_listening(one) for one in item["listen"]]),
    Column("started", field("started_at")),
    Column("uptime", lambda item: duration(item["uptime_seconds"])),
    Column("sites", field("sites")),
    Column("registrations", field("registrations")),
    Column("journal writing", field("journal_writing")),
    Column("configuration", field("config_hash")),
    Column("rolls back in (s)", field("unconfirmed_seconds")),
    Column("last reload", field("last_reload_at")),
    Column("failed reloads", field("failed_reloads")),
    Column("hooks", lambda item: [_hook(one) for one in item["hooks"]]),
    Column("fleet", lambda item: item["fleet"] and _fleet(item["fleet"])),
    Column("fleet members", lambda item: item["fleet"] and _members(item["fleet"])),
)


@click.command()
@api_options
@output_option
@watch_option
def status(*, state: Path | None, url: str | None, output: str) -> None:
    """Show how the daemon is; exit code 1 when it is not ready."""
    answer = api(state, url).get("/api/v1/status")
    print_item(output, ROWS, answer)
    if not answer["ready"]:
        raise SystemExit(ExitCode.FAILED)


def duration(seconds: int) -> str:
    """``3d 04:05:06``."""
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock


def _listening(listen: Item) -> str:
    host = f"[{listen['host']}]" if ":" in listen["host"] else listen["host"]
    granted = listen["receive_buffer_granted_octets"]
    asked = listen["receive_buffer_asked_octets"]
    return (
        f"{host}:{listen['port']} (receive buffer {granted} of {asked} octets,"
        f" {listen['drops']} dropped)"
    )


def _hook(hook: Item) -> str:
    counts = f"{hook['delivered']} delivered, {hook['given_up']} given up, {hook['gaps']} gaps"
    problem = f"; {hook['problem']}" if hook["problem"] else ""
    return f"{hook['url']} ({counts}{problem})"


def _fleet(fleet: Item) -> str:
    how = f"degraded: {fleet['problem']}" if fleet["degraded"] else "up"
    return (
        f"{how}, since {fleet['since']} (lag {fleet['lag_seconds']:.3f} s,"
        f" {fleet['outbox']} records in the outbox)"
    )


def _members(fleet: Item) -> list[str]:
    return [
        f"{one['name']} ({one['version']}, {one['registrations']} registrations"
        + ("" if one["live"] else f", silent since {one['last_word_at']}")
        + ")"
        for one in fleet["members"]
    ]
