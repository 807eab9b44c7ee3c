"""Engines as they are set up: with TLS, a user of its own, replicas, Sentinels."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
from pathlib import Path

import pytest

from mapsys.fleet.contract import FleetError, Keep
from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import RedisEngine
from mapsys.fleet.target import Target, read_url
from tests.core.world import Etr, record
from tests.daemon.node import free_port
from tests.fleet.nodes import FleetNode, agree, fleet, until
from tests.fleet.server import RedisServer
from tests.http.authority import Authority

HOST = "10.1.5.1/32"
LATER = "10.1.5.2/32"
LOOPBACK = "127.0.0.1"
DOCUMENT = Path(__file__).parents[2] / "docs" / "fleet.md"


def tcp_port() -> int:
    return free_port(kind=socket.SOCK_STREAM)


def pair(target: Target) -> tuple[FleetNode, FleetNode]:
    a, b = (FleetNode(name, RedisEngine(connector(target), name, "mapsys")) for name in "ab")
    return a, b


async def share(a: FleetNode, b: FleetNode) -> None:
    """What comes to one is answered at the other."""
    async with fleet(a, b):
        a.register(Etr(), record(HOST, "192.0.2.1"))
        await agree([a, b])
        assert b.published(HOST) is not None


def test_tls_with_the_right_authority_and_with_another(short_folder: Path, tmp_path: Path) -> None:
    authority, port = Authority(tmp_path), tcp_port()
    certificate, key = authority.issue("engine", LOOPBACK)
    server = RedisServer(
        short_folder,
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(authority.certificate)),
    )
    server.start()
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    target = read_url(f"rediss://{LOOPBACK}:{port}")
    trusting = dataclasses.replace(target, ca=str(authority.certificate))
    mistaken = dataclasses.replace(target, ca=str(other.certificate))

    async def case() -> None:
        await share(*pair(trusting))
        for wrong in (mistaken, dataclasses.replace(trusting, host="localhost")):
            engine = RedisEngine(connector(wrong), "c", "mapsys")
            with pytest.raises(FleetError, match="certificate verify failed"):
                await engine.high_water(b"{}")
            await engine.close()

    try:
        asyncio.run(case())
    finally:
        server.stop()


def test_the_documented_user_can_do_all_that_a_member_does_and_no_more(server: RedisServer) -> None:
    told = re.search(r"`(ACL SETUSER mapsys .*)`", DOCUMENT.read_text(encoding="utf-8"))
    assert told is not None
    assert server.command(*told[1].replace(">PASSWORD", ">of-a-test").split()) == b"+OK\r\n"
    target = dataclasses.replace(read_url(server.url), user="mapsys", password="of-a-test")

    async def case() -> None:
        await share(*pair(target))
        elsewhere = RedisEngine(connector(target), "c", "other")
        with pytest.raises(FleetError, match="permission"):
            await elsewhere.write_batch([Keep(1, b"key", b"octets", 60_000)])
        await elsewhere.close()
        wrong = RedisEngine(connector(dataclasses.replace(target, password="guess")), "c", "mapsys")
        with pytest.raises(FleetError) as refused:
            await wrong.high_water(b"{}")
        assert "guess" not in str(refused.value)
        await wrong.close()

    asyncio.run(case())


def test_a_replica_is_waited_for_where_it_is_wanted(short_folder: Path) -> None:
    primary = RedisServer(short_folder / "p", "--repl-diskless-sync-delay", "0", port=tcp_port())
    replica = RedisServer(short_folder / "r", "--replicaof", LOOPBACK, str(primary.port))
    primary.start()
    connect = connector(read_url(primary.url))
    node = FleetNode("a", RedisEngine(connect, "a", "mapsys"), replicas=1)
    told: list[int] = []

    async def case() -> None:
        async with fleet(node):
            node.member.when_told(told.append)
            node.register(Etr(), record(HOST, "192.0.2.1"))
            before = len(told)
            await until(lambda: "0 of 1 replicas" in str(node.member.condition.problem))
            assert node.published(HOST) is not None
            assert node.member.outbox_records > 0
            assert len(told) == before, "the Map-Notify waits"
            await asyncio.to_thread(replica.start)
            await until(lambda: node.member.outbox_records == 0 and len(told) > before)
            await until(lambda: node.member.condition.problem is None)

    try:
        asyncio.run(case())
    finally:
        replica.stop()
        primary.stop()


def test_sentinels_lead_to_a_replica_that_was_behind_and_nothing_is_lost(
    short_folder: Path,
) -> None:
    primary = RedisServer(short_folder / "p", "--repl-diskless-sync-delay", "0", port=tcp_port())
    replica = RedisServer(
        short_folder / "r", "--replicaof", LOOPBACK, str(primary.port), port=tcp_port()
    )
    settings = short_folder / "sentinel.conf"
    settings.write_text(
        f"sentinel monitor fleet {LOOPBACK} {primary.port} 1\n"
        "sentinel down-after-milliseconds fleet 1000\n"
        "sentinel failover-timeout fleet 5000\n"
    )
    sentinel = RedisServer(short_folder / "s", port=tcp_port())
    target = read_url(f"redis+sentinel://{LOOPBACK}:{sentinel.port}/fleet")
    a, b = pair(target)

    async def case() -> None:
        async with fleet(a, b):
            a.register(Etr(), record(HOST, "192.0.2.1"))
            await agree([a, b])
            await until(lambda: replica.command("DBSIZE") == primary.command("DBSIZE"))
            behind = replica.command("DBSIZE")
            replica.pause()
            primary.command("CLIENT", "KILL", "TYPE", "replica")
            b.register(Etr(), record(LATER, "192.0.2.2"))
            await agree([a, b])
            primary.kill()
            replica.go_on()
            assert replica.command("DBSIZE") == behind
            assert a.published(LATER) is not None
            await until(lambda: a.member.numbers.resyncs + b.member.numbers.resyncs >= 2)
            await agree([a, b])
            a.register(Etr(), record("10.1.5.3/32", "192.0.2.1"))
            await agree([a, b])
            assert len(b.ledger()) == 3
            assert b"role:master" in replica.command("INFO", "replication")
            late = FleetNode("c", RedisEngine(connector(target), "c", "mapsys"))
            async with fleet(late):
                assert late.ledger() == a.ledger()

    primary.start()
    replica.start()
    sentinel.start(settings=settings)
    try:
        asyncio.run(case())
    finally:
        for one in (sentinel, replica, primary):
            one.stop()
