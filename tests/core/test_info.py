"""Info-Requests: who gets an answer, and what it says (NAT traversal draft, 4.1 and 4.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapsys.core.effects import Effect, Endpoint, Send
from mapsys.core.limiter import Limits, Rate
from mapsys.core.relay_path import Rtr
from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.info import InfoReply, InfoRequest
from mapsys.wire.lcaf import MulticastInfo
from mapsys.wire.message import decode
from tests.core.world import ONE, SERVER, TWO, World, drop_reason, of

NAT = Endpoint("203.0.113.5", 33333)


def info_request(prefix: str = "10.1.0.0/16", **fields: object) -> InfoRequest:
    address, mask_len = from_eid_prefix(EidPrefix.parse(prefix))
    request = InfoRequest(99, 0, bytes(32), 0, address, mask_len, algorithm_id=2)
    return replace(request, **fields)  # type: ignore[arg-type]


def ask(world: World, request: InfoRequest, key: Key = ONE) -> list[Effect]:
    octets = request.octets()
    return world.hear(key.sign(octets) if request.authentication_data else octets, NAT)


def test_the_reply_shows_the_etr_how_the_translator_shows_it() -> None:
    (send,) = of(Send, ask(World(rtrs=(Rtr("192.0.2.80"), Rtr("192.0.2.81"))), info_request()))
    assert (send.destination, send.source) == (NAT, SERVER)
    reply = decode(send.data)
    assert isinstance(reply, InfoReply)
    assert ONE.verify(send.data)
    assert reply.nonce == 99
    assert (reply.nat.map_server_port, reply.nat.etr_port) == (4342, 33333)
    assert reply.nat.global_etr == ip_address(NAT.host)
    assert reply.nat.map_server == ip_address(SERVER.host)
    assert reply.nat.private_etr == NoAddress()
    assert reply.nat.rtrs == (ip_address("192.0.2.80"), ip_address("192.0.2.81"))


def test_only_a_good_mac_gets_an_answer() -> None:
    world = World()
    assert drop_reason(ask(world, info_request(), TWO)) == "authentication-failed"
    assert drop_reason(ask(world, info_request("172.16.0.0/12"))) == "no-site"
    assert drop_reason(ask(world, info_request(key_id=4))) == "unknown-key-id"
    group_prefix_with_source = MulticastInfo(
        0, ip_address("192.0.2.1"), 32, ip_address("239.0.0.0"), 8
    )
    assert drop_reason(ask(world, info_request(eid=group_prefix_with_source))) == "no-site"


def test_validity_and_algorithms_of_the_key_count() -> None:
    key = SiteKey(0, frozenset({1}), ONE, valid_until=1000.5)
    world = World(sites=(LispSite("one", (key,), (EidRule(EidPrefix.parse("10.1.0.0/16")),)),))
    assert drop_reason(ask(world, info_request())) == "algorithm-not-allowed"
    world.now = 1001.0
    assert drop_reason(ask(world, info_request())) == "key-not-valid-now"


@pytest.mark.parametrize("allowed", [True, False])
def test_the_short_unsigned_form_is_answered_only_where_allowed(allowed: bool) -> None:
    world = World(answer_unsigned_info=allowed)
    request = info_request(
        authentication_data=b"", eid=NoAddress(), mask_len=0, algorithm_id=0, host_name=b"etr"
    )
    effects = ask(world, request)
    if not allowed:
        assert drop_reason(effects) == "authentication-failed"
        return
    reply = decode(of(Send, effects)[0].data)
    assert isinstance(reply, InfoReply)
    assert reply.authentication_data == b""


def test_replies_have_a_budget() -> None:
    world = World(limits=Limits(None, None, Rate(1, 1), None))
    assert of(Send, ask(world, info_request()))
    assert drop_reason(ask(world, info_request())) == "rate-limited"
