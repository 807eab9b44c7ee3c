"""Parts of the subscription machinery that no conversation reaches by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapsys.core.effects import Endpoint
from mapsys.core.pubsub_access import Access, source_rloc
from mapsys.core.pubsub_answers import Answers
from mapsys.core.pubsub_otk import derived_association, has_one_time_key
from mapsys.core.pubsub_settings import PubSubSettings, Subscriber
from mapsys.core.questions import Question
from mapsys.core.resolution import Outcome, Resolution, Resolver, Why
from mapsys.core.site import SiteTable
from mapsys.core.subscriptions import State, SubscriberDetails, state_of
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from tests.core.subscriber import PUBSUB, XTR, XTR_2
from tests.core.world import ITR, SERVER, map_request

EID = EidPrefix.parse("[7]10.1.2.0/24")

DETAILS = SubscriberDetails(
    State.ACTIVE,
    255,
    3,
    2**64 - 1,
    EID,
    SERVER,
    ("198.51.100.1", "2001:db8::1"),
    temporary=True,
    derived_key=b"0123456789abcdef",
)


@pytest.mark.parametrize(
    "details",
    [
        DETAILS,
        SubscriberDetails(State.SILENT, 0, 1, 0, EID, Endpoint("2001:db8::1", 0)),
        replace(DETAILS, state=State.REMOVED, itr_rlocs=("192.0.2.1",) * 32),
        replace(DETAILS, requested=EidPrefix.parse("'a name'"), derived_key=b""),
    ],
)
def test_details_come_back_as_they_were_packed(details: SubscriberDetails) -> None:
    assert SubscriberDetails.unpack(details.pack()) == details
    assert state_of(details.pack()) is details.state


def test_damaged_details_are_told() -> None:
    packed = DETAILS.pack()
    for length in range(len(packed)):
        with pytest.raises(ValueError, match="damaged subscription details"):
            SubscriberDetails.unpack(packed[:length])
    with pytest.raises(ValueError, match="damaged subscription details"):
        SubscriberDetails.unpack(b"\xf0" + packed[1:])
    with pytest.raises(ValueError, match="a key of another length"):
        SubscriberDetails.unpack(packed + b"!")


def test_the_key_of_an_xtr_is_its_own_or_the_default_one() -> None:
    settings = replace(PUBSUB, subscribers=(Subscriber(XTR, key_id=2), Subscriber(XTR_2)))
    assert settings.key_of(XTR) == PUBSUB.keys[1]
    assert settings.key_of(XTR_2) == settings.key_of(bytes(16)) == PUBSUB.keys[0]
    assert replace(settings, default_key_id=None).key_of(XTR_2) is None
    assert replace(settings, keys=()).key_of(XTR) is None
    assert "secret=Key(secret=...)" in repr(settings)


def question(*, over_alt: bool = False) -> Question:
    request = map_request("10.1.2.3", xtr_id=XTR, site_id=bytes(8))
    return Question(request, ITR, SERVER, 5000, 100, over_alt=over_alt)


def test_over_the_alt_it_is_the_operators_word_that_counts() -> None:
    from_everywhere = (EidPrefix.parse("0.0.0.0/0"),)
    settings = PubSubSettings(trusted_resolvers=from_everywhere)
    assert Access(settings, ()).trusts(question())
    assert not Access(settings, ()).trusts(question(over_alt=True))
    assert Access(replace(settings, trust_alt=True), ()).trusts(question(over_alt=True))
    assert not Access(replace(settings, trusted_resolvers=()), ()).trusts(question())


def test_a_question_without_a_packet_came_from_its_sender() -> None:
    assert source_rloc(question()) == ITR.host


def test_only_a_protected_question_has_a_one_time_key() -> None:
    assert not has_one_time_key(question())
    with pytest.raises(ValueError, match="no One-Time Key"):
        derived_association(question())


def test_an_answer_that_says_nothing_is_no_target() -> None:
    store = PureStore()
    answers = Answers(store, Resolver(store, SiteTable(()), ()), temporary_minutes=15)
    nothing = Resolution(EID, Outcome.ELSEWHERE, Why.NOT_OURS)
    with pytest.raises(ValueError, match="neither positive nor negative"):
        answers.target(EID, nothing, 500)
