"""Explaining answers: the reasons given are those that decide."""

from __future__ import annotations

import itertools
from dataclasses import replace

from mapsys.core.effects import Endpoint
from mapsys.core.explain import DESCRIBED, Explanation, Topic
from mapsys.core.limiter import Limits
from mapsys.core.publish import read_record
from mapsys.core.relay_path import Rtr
from mapsys.core.resolution import Outcome
from mapsys.core.site import ProxyReply
from mapsys.eid import EidPrefix
from mapsys.wire.records import Action
from tests.core.test_relay import behind, here, registers
from tests.core.world import DEFAULTS, Etr, World, record, rloc, site_one, site_two


def explained(world: World, eid: str) -> Explanation:
    return world.engine.explain(EidPrefix.parse(eid), world.now)


def said(world: World, eid: str, *topics: Topic) -> list[str]:
    """The sentences about some topics, or about all."""
    reasons = explained(world, eid).reasons
    return [reason.text for reason in reasons if not topics or reason.topic in topics]


def xtr(number: int) -> Etr:
    return Etr(
        host=f"192.0.2.{number}",
        xtr_id=bytes([number]) * 16,
        nonces=itertools.count(number * 1000),
    )


def test_a_registered_eid_is_explained_from_the_site_to_the_limit() -> None:
    world = World(limits=Limits())
    world.register(xtr(1), record("10.1.7.0/24", "192.0.2.1"))
    world.pass_time(10)
    explanation = explained(world, "10.1.7.7")
    assert explanation.rule == EidPrefix.parse("10.1.0.0/16")
    assert [(reason.topic.value, reason.text) for reason in explanation.reasons] == [
        ("site", "one holds it by 10.1.0.0/16, 1 of at most 10000 more-specifics registered"),
        (
            "registration",
            f"10.1.7.0/24 is registered by xTR {'01' * 16} from 192.0.2.1:4342 under key-id 0"
            " with hmac-sha-256-128, refreshed 10 s ago, expires in 170 s",
        ),
        ("key", "the current secret of key-id 0 of one was last used 10 s ago"),
        ("answer", "registered, and an ETR asked for proxy replies"),
        (
            "limit",
            "one RLOC is answered about one EID-Prefix 2 times a second, 10 at once,"
            " about all of them 1000 times a second, 2000 at once",
        ),
    ]


def test_what_is_said_to_be_sent_is_what_is_sent() -> None:
    world = World(petr=(rloc("192.0.2.99"),))
    world.register(Etr(), record("10.1.7.0/24", "192.0.2.1"), record("10.1.7.7/32", "192.0.2.2"))
    for eid in ("10.1.7.9", "10.1.7.7", "10.1.9.9", "10.9.9.9", "2001:db8:1::5"):
        records = explained(world, eid).records
        assert [read_record(octets) for octets in records] == list(world.answer(eid).records)
    assert "10.1.7.0/24 and 1 more-specifics" in " ".join(said(world, "10.1.7.9", Topic.ANSWER))


def test_a_hole_is_explained_by_authority_or_by_its_site() -> None:
    world = World()
    (outside,) = said(world, "10.9.9.9", Topic.AUTHORITY)
    assert "authority over 10.0.0.0/8" in outside
    assert said(world, "10.9.9.9", Topic.SITE) == ["no site is configured for it"]
    (inside,) = said(world, "10.2.1.1", Topic.AUTHORITY)
    assert inside.startswith("10.2.0.0/16 is the largest part")
    assert said(world, "10.2.1.1", Topic.SITE) == [
        "two holds it by 10.2.0.0/16, registered exactly or not at all"
    ]
    negative = said(world, "10.2.1.1", Topic.ANSWER)
    assert negative[-1] == "the Map-Reply is negative: 10.2.0.0/16, natively-forward, 1 min"


def test_a_petr_in_place_of_a_negative_is_said() -> None:
    world = World(petr=(rloc("192.0.2.99"),))
    assert any("petr" in text for text in said(world, "10.9.9.9", Topic.ANSWER))


def test_policies_and_a_site_that_is_off_are_said() -> None:
    sites = (site_one(deny_action=Action.DROP, pitr_action=Action.SEND_MAP_REQUEST, enabled=False),)
    world = World(sites=sites)
    assert said(world, "10.1.7.7", Topic.POLICY) == [
        "everyone who asks for the site is answered drop (deny)",
        "a PITR that asks for the site is answered send-map-request (pitr)",
    ]
    assert any("switched off" in text for text in said(world, "10.1.7.7", Topic.SITE))
    assert said(world, "10.1.7.7", Topic.AUTHORITY) == []


def test_passing_on_names_the_etr_that_gets_it() -> None:
    world = World()
    world.register(
        Etr(),
        record("10.1.7.0/24", rloc("192.0.2.7", priority=9), rloc("192.0.2.8", priority=3)),
        proxy_map_reply=False,
    )
    explanation = explained(world, "10.1.7.7")
    assert explanation.etr == "192.0.2.8"
    assert explanation.records == ()
    assert said(world, "10.1.7.7", Topic.ANSWER)[-1].endswith("192.0.2.8:4342")
    world.register(
        Etr(), record("10.1.8.0/24", rloc("192.0.2.7", reachable=False)), proxy_map_reply=False
    )
    assert explained(world, "10.1.8.8").etr is None
    assert "no ETR can be reached" in said(world, "10.1.8.8", Topic.ANSWER)[-1]


def test_what_is_elsewhere_is_said_to_go_there_or_nowhere() -> None:
    asked = (Endpoint("192.0.2.50", 4342), Endpoint("2001:db8::50", 4342))
    world = World(map_servers=asked)
    explanation = explained(world, "172.16.0.1")
    assert explanation.resolution.outcome is Outcome.ELSEWHERE
    assert explanation.rule is None
    assert said(world, "172.16.0.1", Topic.AUTHORITY) == ["it is outside authority"]
    assert said(world, "172.16.0.1", Topic.ANSWER)[-1].endswith(
        "192.0.2.50:4342, [2001:db8::50]:4342"
    )
    assert said(world, "172.16.0.1", Topic.LIMIT) == []
    assert "nobody to ask" in said(World(), "172.16.0.1", Topic.ANSWER)[-1]


def test_what_goes_onto_the_alt_is_said_to() -> None:
    world = World()
    world.engine._has_alt = lambda instance_id: instance_id == 7
    assert "ALT of instance-ID 7" in said(world, "[7]172.16.0.1", Topic.ANSWER)[-1]
    assert "nobody to ask" in said(world, "[8]172.16.0.1", Topic.ANSWER)[-1]


def test_what_may_not_be_denied_yet_is_said_to_wait_for_the_alts_routes() -> None:
    world = World()
    world.engine._may_deny = lambda _eid: False
    world.engine.reconfigure(world.engine.settings, world.now)
    assert said(world, "10.200.0.1", Topic.AUTHORITY) == [
        "it is inside authority 10.0.0.0/8, but the routes of the ALT are not complete yet"
    ]


def test_merged_former_relayed_and_static_registrations_are_told_apart() -> None:
    static = record("10.1.5.0/24", "192.0.2.66")
    world = World(sites=(site_one(static=(static,)), site_two()), rtrs=(Rtr("192.0.2.80"),))
    world.engine.install_static(world.now)
    assert said(world, "10.1.5.5", Topic.REGISTRATION) == [
        "10.1.5.0/24 is registered by the operator (static)"
    ]
    assert said(world, "10.1.5.5", Topic.KEY) == []
    registers(world, behind(5), here())
    assert "through RTR 192.0.2.80:4342" in said(world, "10.1.7.7", Topic.REGISTRATION)[0]
    for number in (1, 2):
        world.register(xtr(number), record("10.1.9.0/24", f"192.0.2.{number}"), merge_request=True)
    assert said(world, "10.1.9.9", Topic.REGISTRATION)[-1].endswith("published as one set")
    world.register(xtr(3), record("10.1.9.0/24", "192.0.2.3"))
    texts = said(world, "10.1.9.9", Topic.REGISTRATION)
    assert len(texts) == 3
    assert f"moved away from xTR {'01' * 16}" in texts[1]
    assert "silent for 90 s" in texts[1]


def test_of_many_registrations_a_few_are_described() -> None:
    world = World()
    for number in range(1, DESCRIBED + 4):
        world.register(xtr(number), record("10.1.9.0/24", f"192.0.2.{number}"), merge_request=True)
    texts = said(world, "10.1.9.9", Topic.REGISTRATION)
    assert len(texts) == DESCRIBED + 2
    assert texts[DESCRIBED] == "and by 3 more xTRs"


def test_a_key_that_was_not_used_since_the_start_is_said_to_be_so() -> None:
    world = World()
    world.register(Etr(), record("10.1.9.0/24", "192.0.2.1"))
    later = World()
    later.store.apply(world.store.take_changes()[1], 0.0)
    assert said(later, "10.1.9.9", Topic.KEY) == ["key-id 0 of one was not used since the start"]


def test_an_answer_that_has_to_be_narrowed_is_said_to_be() -> None:
    world = World(sites=(site_one(proxy_reply=ProxyReply.ALWAYS),), path_mtu=576)
    etr = Etr()
    for number in range(60):
        world.register(etr, record(f"10.1.7.{number * 4}/30", "192.0.2.1"))
    world.register(etr, record("10.1.0.0/16", "192.0.2.1"))
    text = said(world, "10.1.9.9", Topic.ANSWER)[-1]
    assert text.startswith("10.1.0.0/16 with its more-specifics does not fit a Map-Reply")
    assert str(world.answer("10.1.9.9").records[0].eid_prefix) in text


def test_without_budgets_there_is_no_limit() -> None:
    world = World(replace(DEFAULTS, limits=Limits.off()))
    (text,) = said(world, "10.9.9.9", Topic.LIMIT)
    assert text.count("without limit") == 2
