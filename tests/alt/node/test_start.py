"""What keeps an ALT from running is said in one sentence, and nothing is left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import alt.node_instance
from alt.bgp.conf import ConfRefusedError
from alt.bgp.dialect import Dialect
from alt.helper_client import TunnelHelper
from alt.model import AltConfig, Backend
from alt.netns import overlay_name
from alt.node import AltNode
from alt.node_instance import AltStartError
from alt.tunnel.base import TunnelError
from mapsys.core.effects import Endpoint
from mapsys.core.engine import Engine
from mapsys.net.log import open_log
from mapsys.store_pure import PureStore
from tests.alt.control.pilot import mspa
from tests.alt.node.row import PATIENCE_SECONDS, AltDaemon
from tests.core.world import DEFAULTS
from tests.daemon.node import free_port
from tests.leftovers import namespaces

pytestmark = [pytest.mark.netns, pytest.mark.ability("tun"), pytest.mark.ability("raw-gre")]

NODE = "refused.example"
ADDRESS = Endpoint("192.0.2.2", 4342)


@pytest.fixture
def helper() -> Iterator[TunnelHelper]:
    running = TunnelHelper()
    yield running
    running.stop()


def starting(
    helper: TunnelHelper, folder: Path, *configs: AltConfig, expects: type[Exception]
) -> str:
    """What the start of an ALT node fails with."""

    async def scenario() -> str:
        node = AltNode(
            configs,
            helper,
            node=NODE,
            folder=folder,
            addresses=[ADDRESS],
            on_arrival=lambda arrival: None,
            on_send=lambda send: None,
            log=open_log(),
        )
        store = PureStore()
        try:
            with pytest.raises(expects) as error:
                await node.start(Engine(store, DEFAULTS, lambda: 1), store)
        finally:
            await node.stop()
        assert not any(node.has_alt(config.instance_id) for config in configs)
        return str(error.value)

    said = asyncio.run(scenario())
    assert not {overlay_name(NODE, c.instance_id) for c in configs} & namespaces()
    return said


def test_a_missing_exabgp_is_named(
    helper: TunnelHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alt.node_instance, "Dialect", lambda: Dialect("/nowhere/exabgp"))
    said = starting(helper, tmp_path, mspa(), expects=AltStartError)
    assert "/nowhere/exabgp is missing" in said
    assert "install exabgp" in said


def test_backend_memory_is_not_for_a_node(helper: TunnelHelper, tmp_path: Path) -> None:
    said = starting(helper, tmp_path, mspa(backend=Backend.MEMORY), expects=AltStartError)
    assert "use backend auto" in said


def test_two_instances_cannot_have_one_tunnel(helper: TunnelHelper, tmp_path: Path) -> None:
    first = mspa(backend=Backend.USERSPACE)
    second = replace(first, instance_id=7, blocks=(), delegations=())
    said = starting(helper, tmp_path, first, second, expects=TunnelError)
    assert "is already tunnel arin; give one of them another key" in said


def test_a_folder_that_cannot_be_made_is_named(helper: TunnelHelper, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backend = mspa(backend=Backend.USERSPACE)
    said = starting(helper, tmp_path / "file", backend, expects=NotADirectoryError)
    assert "file/0" in said


def test_what_exabgp_refuses_is_said_in_its_words(helper: TunnelHelper, tmp_path: Path) -> None:
    wrong = mspa(backend=Backend.USERSPACE, router_id="not-an-id", tunnels=mspa().tunnels[:1])
    said = starting(helper, tmp_path, wrong, expects=ConfRefusedError)
    assert "not-an-id" in said


def privileges_gone(command: list[str]) -> list[str]:
    code = (
        "import os, sys; from alt.helper_capabilities import keep_only; keep_only(frozenset());"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", code, *command]


@pytest.mark.parametrize(
    ("wrapped", "backend", "sentence"),
    [
        (privileges_gone, "userspace", "CAP_SYS_ADMIN is missing"),
        (lambda command: command, "memory", "use backend auto"),
    ],
)
def test_the_daemon_says_why_it_cannot_start(
    wrapped: Callable[[list[str]], list[str]], backend: str, sentence: str, tmp_path: Path
) -> None:
    node = AltDaemon("mspa", tmp_path, "", "refused")
    port = free_port()
    node.configure(
        change=lambda text: text.replace(
            '["192.0.2.2:4342", "[2001:db8:f::2]:4342"]', f'["127.0.0.1:{port}"]'
        ).replace("backend: userspace", f"backend: {backend}")
    )
    command = [sys.executable, "-m", "mapsys.cli.main", "run", "-c", str(tmp_path / "mspa.yaml")]
    run = subprocess.run(
        wrapped(command), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert run.returncode == 1, run.stderr
    said = run.stderr.strip().splitlines()[-1]
    assert said.startswith("Error: the ALT cannot run: ")
    assert sentence in said
    assert node.overlay not in namespaces()
