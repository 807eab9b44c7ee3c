"""Nonces of ``lig`` are drawn, so that nobody can answer without having seen the question."""

from __future__ import annotations

import socket

from click.testing import CliRunner

from mapsys.cli.main import cli
from mapsys.wire.ecm import Ecm
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode


def test_nonces_have_nothing_in_common() -> None:
    nonces = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(60)
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        for _ in range(3):
            CliRunner().invoke(cli, ["lig", "198.18.1.1", "-m", where, "-c", "2", "-t", "1"])
            for _ in range(2):
                ecm = decode(silent.recv(2048))
                assert isinstance(ecm, Ecm)
                assert isinstance(ecm.message, MapRequest)
                nonces.append(ecm.message.nonce)
    for halves in ({nonce >> 32 for nonce in nonces}, {nonce & 0xFFFFFFFF for nonce in nonces}):
        assert len(halves) == len(nonces)
