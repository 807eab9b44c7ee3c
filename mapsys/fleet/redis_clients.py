"""Clients of a Redis-protocol engine, as the configuration says: TCP, TLS, Unix, Sentinel."""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Redis, Sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mapsys.fleet.redis_engine import Client, Connect
from mapsys.fleet.target import Target

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 3.0
"""Above what following blocks for; an engine that takes longer counts as away."""


def connector(target: Target) -> Connect:
    """Makes clients with one connection each, opened by the first command."""
    options: dict[str, Any] = {
        "username": target.user,
        "password": target.password,
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
    }
    secured: dict[str, Any] = {}
    if target.tls:
        secured = {"ssl": True, "ssl_ca_certs": target.ca, "ssl_check_hostname": True}

    def connect() -> Client:
        if target.sentinels:
            make: Any = Sentinel  # without types of its own
            sentinel = make(target.sentinels, sentinel_kwargs=options, **options, **secured)
            return sentinel.master_for(target.service)
        if target.socket:
            return Redis(unix_socket_path=target.socket, **options)
        return Redis(host=target.host, port=target.port, **options, **secured)

    return connect
