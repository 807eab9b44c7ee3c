"""What every store promises; another implementation joins by one line in FACTORIES."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from mapsys.change_log import ChangeLog, Put, pack, read_changes, sealed
from mapsys.eid import EidPrefix, Family
from mapsys.store import Registration, Store
from mapsys.subscriptions import Subscription
from tests.engines import stores
from tests.oracle import ListStore

FACTORIES: list[Callable[[], Store]] = stores()

PREFIX = EidPrefix.parse("10.1.0.0/16")
INSIDE = EidPrefix.parse("10.1.2.0/24")
XTR, OTHER_XTR = bytes(15) + b"\1", bytes(15) + b"\2"
ONE, TWO, THREE = (b"\0" + bytes((192, 0, 2, number)) for number in (1, 2, 3))
DIGEST = b"0123456789abcdef"


@pytest.fixture(params=FACTORIES, ids=lambda factory: str(factory.__name__))
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.param()
    return made


def put(
    store: Store,
    eid: EidPrefix = PREFIX,
    registrant: bytes = ONE,
    *,
    record: bytes = b"record",
    details: bytes = b"details",
    digest: bytes = DIGEST,
    deadline: float = 180.0,
    published: bytes = b"record",
) -> None:
    store.put(
        eid,
        registrant,
        record=record,
        details=details,
        digest=digest,
        deadline=deadline,
        published=published,
    )


def subscribe(
    store: Store,
    eid: EidPrefix = PREFIX,
    subscriber: bytes = XTR,
    *,
    nonce: int = 7,
    deadline: float = inf,
    details: bytes = b"whom and how",
) -> None:
    store.subscriptions.put(eid, subscriber, nonce=nonce, deadline=deadline, details=details)


def rebuilt(store: Store, changes: bytes, shift: float = 0.0) -> Store:
    """A new store of the same kind that has read the changes back."""
    copy = type(store)()
    copy.apply(changes, shift)
    return copy


def test_what_was_put_is_what_is_found(store: Store) -> None:
    put(store)
    mapping = store.get(PREFIX)
    assert mapping is not None
    assert mapping.eid == PREFIX
    assert mapping.published == b"record"
    assert mapping.registrations == (Registration(ONE, 180.0, DIGEST, b"record", b"details"),)
    assert store.get(INSIDE) is None
    assert len(store) == 1


def test_registrations_of_one_prefix_are_ordered_by_registrant(store: Store) -> None:
    for registrant in (TWO, THREE, ONE):
        put(store, registrant=registrant, published=b"union")
    mapping = store.get(PREFIX)
    assert mapping is not None
    assert [held.registrant for held in mapping.registrations] == [ONE, TWO, THREE]
    assert mapping.published == b"union"
    assert len(store) == 3


@pytest.mark.parametrize("gone", [ONE, TWO, THREE])
def test_withdrawing_one_of_several_leaves_the_others(store: Store, gone: bytes) -> None:
    for registrant in (ONE, TWO, THREE):
        put(store, registrant=registrant, record=registrant, published=b"three")
    before = store.get(PREFIX)
    assert before is not None
    assert len(before.registrations) == 3
    assert store.withdraw(PREFIX, gone, published=b"two")
    mapping = store.get(PREFIX)
    assert mapping is not None
    assert mapping.published == b"two"
    assert [r.registrant for r in mapping.registrations] == [
        r for r in (ONE, TWO, THREE) if r != gone
    ]
    assert [r.record for r in mapping.registrations] == [
        r.registrant for r in mapping.registrations
    ]


def test_withdrawing_the_last_one_leaves_nothing(store: Store) -> None:
    put(store)
    assert store.withdraw(PREFIX, ONE, published=None)
    assert store.get(PREFIX) is None
    assert store.longest_match(INSIDE) is None
    assert store.next_deadline() is None
    assert len(store) == 0


def test_withdrawing_what_is_not_there_says_so(store: Store) -> None:
    assert not store.withdraw(PREFIX, ONE, published=None)
    put(store)
    assert not store.withdraw(PREFIX, TWO, published=None)
    assert len(store) == 1


def test_a_withdraw_must_fit_what_is_left(store: Store) -> None:
    put(store)
    with pytest.raises(ValueError, match=r"10\.1\.0\.0/16: nothing is published"):
        store.withdraw(PREFIX, ONE, published=b"something")
    put(store, registrant=TWO)
    with pytest.raises(ValueError, match=r"10\.1\.0\.0/16: something stays published"):
        store.withdraw(PREFIX, ONE, published=None)
    assert len(store) == 2


def test_generation_rises_when_an_answer_could_change_and_only_then(store: Store) -> None:
    seen = [store.generation]

    def has_risen() -> bool:
        seen.append(store.generation)
        return seen[-1] > seen[-2]

    put(store)
    assert has_risen()
    put(store, deadline=240.0, digest=b"fedcba9876543210")
    assert not has_risen()
    put(store, published=b"other")
    assert has_risen()
    put(store, published=b"other", details=b"no proxy-reply")
    assert has_risen()
    put(store, registrant=TWO, published=b"other")
    assert has_risen()
    put(store, registrant=TWO, published=b"union")
    assert has_risen()
    store.touch(PREFIX, ONE, deadline=300.0, digest=DIGEST)
    store.raise_nonce(b"mark", 1)
    store.supersede(DIGEST, 9.0)
    assert not store.withdraw(PREFIX, THREE, published=None)
    assert not has_risen()
    assert store.withdraw(PREFIX, ONE, published=b"record")
    assert has_risen()


def test_touch_moves_the_deadline_and_names_the_register_it_replaces(store: Store) -> None:
    put(store)
    assert store.touch(PREFIX, ONE, deadline=240.0, digest=b"fedcba9876543210") == DIGEST
    assert store.touch(PREFIX, TWO, deadline=240.0, digest=DIGEST) is None
    assert store.touch(INSIDE, ONE, deadline=240.0, digest=DIGEST) is None
    mapping = store.get(PREFIX)
    assert mapping is not None
    assert mapping.registrations[0].deadline == 240.0
    assert mapping.registrations[0].digest == b"fedcba9876543210"
    assert store.due(180.0, 9) == []
    assert store.due(240.0, 9) == [(PREFIX, ONE)]


def test_a_deadline_can_come_nearer(store: Store) -> None:
    put(store, deadline=1000.0)
    store.touch(PREFIX, ONE, deadline=60.0, digest=DIGEST)
    deadline = store.next_deadline()
    assert deadline is not None
    assert deadline <= 61.0
    assert store.due(60.0, 9) == [(PREFIX, ONE)]


def test_what_is_due_stays_until_it_is_withdrawn_or_touched(store: Store) -> None:
    put(store, deadline=10.0)
    put(store, INSIDE, deadline=10.5)
    assert store.due(9.99, 9) == []
    assert store.due(10.0, 9) == [(PREFIX, ONE)]
    assert sorted(store.due(11.0, 9)) == [(PREFIX, ONE), (INSIDE, ONE)]
    assert len(store.due(11.0, 1)) == 1
    assert store.due(11.0, 0) == []
    store.touch(PREFIX, ONE, deadline=20.0, digest=DIGEST)
    assert store.due(11.0, 9) == [(INSIDE, ONE)]
    store.withdraw(INSIDE, ONE, published=None)
    assert store.due(11.0, 9) == []
    assert store.due(20.0, 9) == [(PREFIX, ONE)]


def test_a_registration_withdrawn_and_made_again_is_due_once(store: Store) -> None:
    for _ in range(3):
        put(store, deadline=10.0)
        assert store.due(10.0, 9) == [(PREFIX, ONE)]
        store.withdraw(PREFIX, ONE, published=None)
        put(store, deadline=10.25)
        store.withdraw(PREFIX, ONE, published=None)
    put(store, deadline=10.5)
    assert store.due(10.5, 9) == [(PREFIX, ONE)]


def test_mass_expiry_comes_in_slices(store: Store) -> None:
    count = 30_000
    for number in range(count):
        put(store, EidPrefix.masked(0, PREFIX.family, number << 8, 24), deadline=180.0)
        if number % 3 == 0:
            store.touch(
                EidPrefix.masked(0, PREFIX.family, number << 8, 24),
                ONE,
                deadline=400.0,
                digest=DIGEST,
            )
    gone = 0
    for _ in range(1000):
        deadline = store.next_deadline()
        if deadline is None or deadline > 300.0:
            break
        due = store.due(300.0, 500)
        assert len(due) <= 500
        for eid, registrant in due:
            assert store.withdraw(eid, registrant, published=None)
        gone += len(due)
    assert gone == count - count // 3
    assert len(store) == count // 3


def test_next_deadline_is_none_in_an_empty_store_and_never_late(store: Store) -> None:
    assert store.next_deadline() is None
    put(store, deadline=100.25)
    put(store, INSIDE, deadline=700.0)
    deadline = store.next_deadline()
    assert deadline is not None
    assert deadline <= 101.25


def test_a_nonce_mark_only_rises(store: Store) -> None:
    assert store.nonce_mark(b"site") is None
    store.raise_nonce(b"site", 0)
    assert store.nonce_mark(b"site") == 0
    store.raise_nonce(b"site", 2**64 - 1)
    store.raise_nonce(b"site", 7)
    assert store.nonce_mark(b"site") == 2**64 - 1
    store.forget_nonce(b"site")
    store.forget_nonce(b"another")
    assert store.nonce_mark(b"site") is None


def test_a_superseded_digest_is_remembered_for_its_time(store: Store) -> None:
    store.supersede(DIGEST, 100.0)
    store.supersede(DIGEST, 50.0)
    assert store.is_superseded(DIGEST, 99.9)
    assert not store.is_superseded(DIGEST, 100.0)
    assert not store.is_superseded(b"fedcba9876543210", 0.0)
    store.supersede(DIGEST, 300.0)
    assert store.is_superseded(DIGEST, 102.0)
    store.due(302.0, 1)
    assert not store.is_superseded(DIGEST, 302.0)


def test_lookups_follow_the_prefixes(store: Store) -> None:
    put(store)
    put(store, INSIDE)
    put(store, EidPrefix.parse("[5]10.1.0.0/16"))
    eid = EidPrefix.parse("10.1.2.3")
    match = store.longest_match(eid)
    assert match is not None
    assert match.eid == INSIDE
    assert [mapping.eid for mapping in store.covering(eid)] == [INSIDE, PREFIX]
    assert [mapping.eid for mapping in store.covered(PREFIX)] == [PREFIX, INSIDE]
    assert [mapping.eid for mapping in store.covered(PREFIX, 1)] == [PREFIX]
    assert store.hole(eid, 0) is None
    assert store.hole(EidPrefix.parse("10.9.0.1"), 8) == EidPrefix.parse("10.8.0.0/13")
    assert [mapping.eid for mapping in store.scan(None, 2)] == [PREFIX, INSIDE]
    assert len(store.scan(INSIDE, 2)) == 1


def test_covered_can_be_withdrawn_while_it_is_read(store: Store) -> None:
    for number in range(10):
        put(store, EidPrefix.parse(f"10.1.{number}.0/24"))
    for mapping in store.covered(PREFIX):
        assert store.withdraw(mapping.eid, ONE, published=None)
    assert len(store) == 0


def test_the_ticket_rises_with_every_taking(store: Store) -> None:
    first = store.ticket
    assert store.take_changes() == (first, b"")
    put(store)
    second = store.ticket
    assert second > first
    ticket, changes = store.take_changes()
    assert ticket == second
    assert changes
    assert store.ticket > second
    assert store.take_changes()[1] == b""


def test_what_changes_nothing_is_not_logged(store: Store) -> None:
    put(store)
    store.raise_nonce(b"mark", 5)
    store.supersede(DIGEST, 10.0)
    store.take_changes()
    store.touch(INSIDE, ONE, deadline=1.0, digest=DIGEST)
    store.withdraw(INSIDE, ONE, published=None)
    store.raise_nonce(b"mark", 5)
    store.forget_nonce(b"other")
    store.supersede(DIGEST, 9.0)
    assert store.take_changes()[1] == b""


def test_changes_read_back_make_an_equal_store_with_shifted_deadlines(store: Store) -> None:
    put(store, published=b"union")
    put(store, registrant=TWO, published=b"union of two")
    put(store, INSIDE, deadline=200.0)
    put(store, EidPrefix.parse("10.7.0.0/16"))
    store.withdraw(EidPrefix.parse("10.7.0.0/16"), ONE, published=None)
    store.touch(INSIDE, ONE, deadline=260.0, digest=b"fedcba9876543210")
    store.raise_nonce(b"kept", 7)
    store.raise_nonce(b"forgotten", 7)
    store.forget_nonce(b"forgotten")
    store.supersede(DIGEST, 50.0)
    copy = rebuilt(store, store.take_changes()[1], shift=1000.0)
    expected = [
        mapping._replace(
            registrations=tuple(
                held._replace(deadline=held.deadline + 1000.0) for held in mapping.registrations
            )
        )
        for mapping in store.scan(None, 99)
    ]
    assert copy.scan(None, 99) == expected
    assert copy.nonce_mark(b"kept") == 7
    assert copy.nonce_mark(b"forgotten") is None
    assert copy.is_superseded(DIGEST, 1049.0)
    assert not copy.is_superseded(DIGEST, 1050.0)
    assert copy.take_changes()[1] == b""
    assert len(copy) == len(store)


def test_reading_changes_twice_is_reading_them_once(store: Store) -> None:
    put(store)
    put(store, registrant=TWO, published=b"union")
    store.withdraw(PREFIX, ONE, published=b"record")
    store.touch(PREFIX, TWO, deadline=500.0, digest=DIGEST)
    _, changes = store.take_changes()
    copy = rebuilt(store, changes)
    copy.apply(changes, 0.0)
    assert copy.scan(None, 9) == store.scan(None, 9)


def test_every_damaged_octet_and_every_cut_is_refused_before_anything_changes(
    store: Store,
) -> None:
    put(store)
    store.raise_nonce(b"mark", 5)
    _, changes = store.take_changes()
    for position in range(len(changes)):
        damaged = bytearray(changes)
        damaged[position] ^= 0x10
        copy = type(store)()
        with pytest.raises(ValueError, match="packed changes"):
            copy.apply(bytes(damaged), 0.0)
        assert len(copy) == 0
        if position:
            with pytest.raises(ValueError, match="packed changes"):
                copy.apply(changes[:position], 0.0)


@pytest.mark.parametrize("deadline", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_deadline_that_no_clock_says_is_refused(store: Store, deadline: float) -> None:
    put(store)
    packed = next(read_changes(store.take_changes()[1]))
    assert isinstance(packed, Put)
    log = ChangeLog()
    log.append(pack(packed._replace(deadline=deadline)))
    copy = type(store)()
    with pytest.raises(ValueError, match="packed change"):
        copy.apply(log.take(), 0.0)
    assert len(copy) == 0


def test_a_field_that_no_datagram_can_hold_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        put(store, record=bytes(65_536))
    with pytest.raises(ValueError, match="a digest of 3 octets"):
        put(store, digest=b"abc")
    assert len(store) == 0
    assert store.take_changes()[1] == b""


def test_long_octets_come_back_whole(store: Store) -> None:
    record, published = bytes(range(256)) * 250, b"p" * 60_000
    put(store, record=record, published=published)
    put(store, registrant=TWO, record=b"", published=published)
    mapping = store.get(PREFIX)
    assert mapping is not None
    assert mapping.published == published
    assert [held.record for held in mapping.registrations] == [record, b""]


def test_many_changes_come_in_several_frames_and_read_back(store: Store) -> None:
    for number in range(60):
        put(store, EidPrefix.masked(0, PREFIX.family, number, 32), record=bytes(60_000))
    _, changes = store.take_changes()
    assert rebuilt(store, changes).scan(None, 99) == store.scan(None, 99)


def test_sealed_changes_read_back_one_by_one_without_the_damaged(store: Store) -> None:
    put(store)
    put(store, INSIDE, details=b"others", published=b"union")
    put(store, registrant=TWO, published=b"union of two")
    put(store, EidPrefix.parse("[7]2001:db8::/32"), record=b"", published=b"")
    store.raise_nonce(b"mark", 5)
    store.supersede(DIGEST, 50.0)
    subscribe(store, INSIDE)
    rows: list[object] = [sealed(pack(one)) for one in read_changes(store.take_changes()[1])]
    copy = type(store)()
    assert copy.apply_sealed(rows, 1000.0) == 0
    assert copy.take_changes()[1] == b""
    assert [mapping.eid for mapping in copy.scan(None, 9)] == [
        mapping.eid for mapping in store.scan(None, 9)
    ]
    held = copy.get(PREFIX)
    assert held is not None
    assert held.published == b"union of two"
    assert [one.deadline for one in held.registrations] == [1180.0, 1180.0]
    assert copy.nonce_mark(b"mark") == 5
    assert copy.is_superseded(DIGEST, 1049.0)
    assert copy.subscriptions.get(INSIDE, XTR) is not None
    before = copy.generation, copy.scan(None, 9)
    assert copy.apply_sealed(rows[-1:], 1000.0) == 0
    assert (copy.generation, copy.scan(None, 9)) == before

    first = sealed(pack(Put(PREFIX, ONE, 1.0, DIGEST, b"", b"", b"")))
    for position in range(len(first)):
        flipped = bytearray(first)
        flipped[position] ^= 0x10
        whole = type(store)()
        assert whole.apply_sealed([b"", b"abc", "text", None, bytes(flipped), rows[1]], 0.0) == 5
        assert [mapping.eid for mapping in whole.scan(None, 9)] == [INSIDE]


@pytest.mark.parametrize(
    "packed", [b"p", b"?", pack(Put(PREFIX, ONE, 1e30, DIGEST, b"", b"", b""))]
)
def test_sealed_octets_that_are_no_change_are_refused(store: Store, packed: bytes) -> None:
    with pytest.raises(ValueError, match="packed"):
        store.apply_sealed([sealed(packed)], 0.0)


def test_a_change_with_octets_behind_it_is_refused(store: Store) -> None:
    put(store)
    (change,) = read_changes(store.take_changes()[1])
    with pytest.raises(ValueError, match="packed change"):
        store.apply_sealed([sealed(pack(change) + b"x")], 0.0)


def test_a_subscription_is_held_per_prefix_and_xtr_and_overwritten(store: Store) -> None:
    held = store.subscriptions
    subscribe(store)
    subscribe(store, subscriber=OTHER_XTR, nonce=0)
    subscribe(store, INSIDE)
    assert held.get(PREFIX, XTR) == Subscription(PREFIX, XTR, inf, 7, b"whom and how")
    subscribe(store, nonce=3, details=b"elsewhere", deadline=50.0)
    assert held.get(PREFIX, XTR) == Subscription(PREFIX, XTR, 50.0, 3, b"elsewhere")
    assert (len(held), held.held_by(XTR), held.held_by(OTHER_XTR)) == (3, 2, 1)
    assert [(eid, sorted(xtrs)) for eid, xtrs in held.covering(INSIDE)] == [
        (INSIDE, [XTR]),
        (PREFIX, [XTR, OTHER_XTR]),
    ]
    assert held.has_covering(INSIDE)
    assert not held.has_covering(EidPrefix.parse("10.0.0.0/8"))
    assert held.remove(PREFIX, XTR)
    assert not held.remove(PREFIX, XTR)
    assert not held.remove(EidPrefix.parse("10.9.0.0/16"), XTR)
    assert held.get(PREFIX, XTR) is None
    assert held.remove(INSIDE, XTR)
    assert (len(held), held.held_by(XTR)) == (1, 0)


def test_a_subscription_nonce_only_rises_and_changes_no_answer(store: Store) -> None:
    held = store.subscriptions
    generation = store.generation
    subscribe(store, nonce=2**64 - 3)
    held.raise_nonce(PREFIX, XTR, 2**64 - 1)
    held.raise_nonce(PREFIX, XTR, 5)
    held.raise_nonce(PREFIX, OTHER_XTR, 5)
    held.raise_nonce(INSIDE, XTR, 5)
    subscription = held.get(PREFIX, XTR)
    assert subscription is not None
    assert subscription.nonce == 2**64 - 1
    assert subscription.details == b"whom and how"
    assert store.generation == generation


def test_subscriptions_fall_due_until_put_anew_or_removed(store: Store) -> None:
    held = store.subscriptions
    assert held.next_deadline() is None
    subscribe(store, deadline=100.0)
    subscribe(store, INSIDE, deadline=200.0)
    subscribe(store, subscriber=OTHER_XTR)
    assert held.next_deadline() == 100.0
    assert held.due(99.9, 9) == []
    assert [s.eid for s in held.due(150.0, 9)] == [PREFIX]
    assert [s.eid for s in held.due(150.0, 9)] == [PREFIX]
    assert held.due(150.0, 0) == []
    subscribe(store, deadline=300.0)
    assert held.due(150.0, 9) == []
    subscribe(store, INSIDE, deadline=250.0)
    assert held.due(240.0, 9) == []
    subscribe(store, deadline=245.0)
    assert [s.eid for s in held.due(245.0, 9)] == [PREFIX]
    held.remove(PREFIX, XTR)
    subscribe(store, INSIDE)
    for _ in range(9):
        assert held.due(999.0, 9) == []
    assert held.next_deadline() is None


def test_deadlines_moved_to_and_fro_leave_nothing_behind(store: Store) -> None:
    held = store.subscriptions
    for number in range(1000):
        subscribe(store, deadline=5000.0 - number)
        subscribe(store)
    assert held.next_deadline() == 4001.0
    subscribe(store, deadline=4500.0)
    assert held.due(4001.0, 5) == []
    assert held.next_deadline() == 4500.0


def test_what_subscribers_are_owed_is_kept_until_it_is_settled(store: Store) -> None:
    held = store.subscriptions
    held.owe(INSIDE)
    held.owe(PREFIX)
    held.owe(INSIDE)
    assert held.owed() == [INSIDE, PREFIX]
    held.settle(INSIDE)
    held.settle(INSIDE)
    assert held.owed() == [PREFIX]


def test_subscriptions_read_back_are_equal_with_shifted_deadlines(store: Store) -> None:
    held = store.subscriptions
    subscribe(store)
    subscribe(store, INSIDE, deadline=100.0)
    subscribe(store, subscriber=OTHER_XTR)
    held.raise_nonce(PREFIX, XTR, 99)
    held.remove(PREFIX, OTHER_XTR)
    held.owe(INSIDE)
    held.owe(PREFIX)
    held.settle(INSIDE)
    _, changes = store.take_changes()
    copy = rebuilt(store, changes, shift=1000.0)
    copy.apply(changes, 1000.0)
    again = copy.subscriptions
    assert again.get(PREFIX, XTR) == held.get(PREFIX, XTR)
    assert again.get(INSIDE, XTR) == Subscription(INSIDE, XTR, 1100.0, 7, b"whom and how")
    assert again.get(PREFIX, OTHER_XTR) is None
    assert (len(again), again.owed(), again.next_deadline()) == (2, [PREFIX], 1100.0)
    assert copy.take_changes()[1] == b""


def test_subscription_changes_that_change_nothing_are_not_logged(store: Store) -> None:
    held = store.subscriptions
    subscribe(store)
    held.owe(PREFIX)
    store.take_changes()
    held.raise_nonce(PREFIX, XTR, 7)
    held.remove(INSIDE, XTR)
    held.owe(PREFIX)
    held.settle(INSIDE)
    assert store.take_changes()[1] == b""
    with pytest.raises(ValueError, match="does not fit"):
        subscribe(store, details=bytes(65_536))
    assert store.take_changes()[1] == b""


def test_history_stands_in_the_order_in_which_it_was_recorded(store: Store) -> None:
    rows = store.history
    generation = store.generation
    for number in range(4):
        rows.add(PREFIX if number % 2 else INSIDE, b"row %d" % number)
    assert [recorded.facts for recorded in rows.of(PREFIX)] == [b"row 3", b"row 1"]
    assert (len(rows), list(rows.of(EidPrefix.parse("10.9.0.0/16")))) == (4, [])
    assert list(rows.covering(INSIDE)) == [INSIDE, PREFIX]
    oldest = rows.oldest()
    assert oldest is not None
    assert (oldest.eid, oldest.facts) == (INSIDE, b"row 0")
    rows.drop(oldest.number)
    rows.drop(oldest.number)
    assert [recorded.facts for recorded in rows.of(INSIDE)] == [b"row 2"]
    assert store.generation == generation
    for recorded in (*rows.of(PREFIX), *rows.of(INSIDE)):
        rows.drop(recorded.number)
    assert (len(rows), rows.oldest(), list(rows.of(PREFIX))) == (0, None, [])


def test_history_read_back_is_equal_however_often(store: Store) -> None:
    store.history.add(PREFIX, b"one")
    store.history.add(PREFIX, b"two")
    store.history.add(INSIDE, b"three")
    gone = store.history.oldest()
    assert gone is not None
    store.history.drop(gone.number)
    changes = store.take_changes()[1]
    copy = type(store)()
    for _ in range(2):
        copy.apply(changes, 100.0)
    assert [recorded.facts for recorded in copy.history.of(PREFIX)] == [b"two"]
    assert copy.history.oldest() == store.history.oldest()
    copy.history.add(PREFIX, b"four")
    assert [recorded.facts for recorded in copy.history.of(PREFIX)] == [b"four", b"two"]
    store.history.drop(999)
    assert store.take_changes()[1] == b""
    with pytest.raises(ValueError, match="does not fit"):
        store.history.add(PREFIX, bytes(65_536))
    assert len(store.history) == 2


class StoreMachine(RuleBasedStateMachine):
    """Any sequence of verbs leaves the store and the list with the same answers."""

    known = Bundle("known")

    eids = st.builds(
        EidPrefix.masked,
        st.sampled_from((0, 0, 9)),
        st.just(PREFIX.family),
        st.integers(0, 15).map(lambda bits: bits << 28),
        st.integers(0, 5),
    )
    registrants = st.sampled_from((ONE, TWO, THREE))
    octets = st.sampled_from((b"", b"a", b"record", bytes(30), bytes(2000)))
    digests = st.sampled_from((DIGEST, b"fedcba9876543210", bytes(16)))
    spans = st.sampled_from((0.0, 0.5, 1.0, 2.75, 60.0, 180.0, 4000.0))

    @initialize(factory=st.sampled_from(FACTORIES))
    def begin(self, factory: Callable[[], Store]) -> None:
        self.store = factory()
        self.copy = factory()
        self.oracle = ListStore()
        self.now = 0.0
        self.generation = self.store.generation

    @rule(
        target=known,
        eid=eids,
        registrant=registrants,
        record=octets,
        details=octets,
        published=st.none() | octets,
        digest=digests,
        lifetime=spans,
    )
    def put(
        self,
        *,
        eid: EidPrefix,
        registrant: bytes,
        record: bytes,
        details: bytes,
        published: bytes | None,
        digest: bytes,
        lifetime: float,
    ) -> tuple[EidPrefix, bytes]:
        shown = record if published is None else published
        deadline = self.now + lifetime
        put(
            self.store,
            eid,
            registrant,
            record=record,
            details=details,
            digest=digest,
            deadline=deadline,
            published=shown,
        )
        registration = Registration(registrant, deadline, digest, record, details)
        changed = self.oracle.put(eid, registration, shown)
        assert (self.store.generation > self.generation) == changed
        return eid, registrant

    @rule(which=known, published=octets)
    def withdraw(self, which: tuple[EidPrefix, bytes], published: bytes) -> None:
        eid, registrant = which
        others = [held for held in self.oracle.of(eid) if held.registrant != registrant]
        left = published if others else None
        there = self.oracle.withdraw(eid, registrant, left)
        assert self.store.withdraw(eid, registrant, published=left) == there
        assert (self.store.generation > self.generation) == there

    @rule(which=known, digest=digests, lifetime=spans)
    def touch(self, which: tuple[EidPrefix, bytes], digest: bytes, lifetime: float) -> None:
        eid, registrant = which
        deadline = self.now + lifetime
        before = self.oracle.touch(eid, registrant, deadline, digest)
        assert self.store.touch(eid, registrant, deadline=deadline, digest=digest) == before
        assert self.store.generation == self.generation

    @rule(mark=st.sampled_from((b"x", b"y")), nonce=st.integers(0, 5))
    def raise_nonce(self, mark: bytes, nonce: int) -> None:
        self.store.raise_nonce(mark, nonce)
        self.oracle.nonces[mark] = max(nonce, self.oracle.nonces.get(mark, 0))

    @rule(mark=st.sampled_from((b"x", b"y")))
    def forget_nonce(self, mark: bytes) -> None:
        self.store.forget_nonce(mark)
        self.oracle.nonces.pop(mark, None)

    @rule(digest=digests, lifetime=spans)
    def supersede(self, digest: bytes, lifetime: float) -> None:
        until = self.now + lifetime
        self.store.supersede(digest, until)
        self.oracle.superseded[digest] = max(until, self.oracle.superseded.get(digest, 0.0))

    @rule(
        eid=eids,
        subscriber=st.sampled_from((XTR, OTHER_XTR)),
        nonce=st.integers(0, 3),
        lifetime=spans | st.just(inf),
        details=octets,
    )
    def subscribe(
        self, *, eid: EidPrefix, subscriber: bytes, nonce: int, lifetime: float, details: bytes
    ) -> None:
        deadline = self.now + lifetime
        subscribe(self.store, eid, subscriber, nonce=nonce, deadline=deadline, details=details)
        self.oracle.subscriptions[eid, subscriber] = Subscription(
            eid, subscriber, deadline, nonce, details
        )

    @rule(eid=eids, subscriber=st.sampled_from((XTR, OTHER_XTR)), nonce=st.integers(0, 5))
    def use_nonce(self, eid: EidPrefix, subscriber: bytes, nonce: int) -> None:
        self.store.subscriptions.raise_nonce(eid, subscriber, nonce)
        held = self.oracle.subscriptions.get((eid, subscriber))
        if held is not None and nonce > held.nonce:
            self.oracle.subscriptions[eid, subscriber] = held._replace(nonce=nonce)

    @rule(eid=eids, subscriber=st.sampled_from((XTR, OTHER_XTR)))
    def unsubscribe(self, eid: EidPrefix, subscriber: bytes) -> None:
        there = self.oracle.subscriptions.pop((eid, subscriber), None) is not None
        assert self.store.subscriptions.remove(eid, subscriber) == there

    @rule(limit=st.integers(1, 40))
    def find_due_subscriptions(self, limit: int) -> None:
        due = self.store.subscriptions.due(self.now, limit)
        expected = {s for s in self.oracle.subscriptions.values() if s.deadline <= self.now}
        assert len(due) == len(set(due)) <= limit
        assert set(due) <= expected
        if limit == 40:
            for _ in range(9):  # each call looks at no more keys than it may give
                due = self.store.subscriptions.due(self.now, 999)
            assert set(due) == expected

    @rule(span=spans)
    def wait(self, span: float) -> None:
        self.now += span

    @rule(limit=st.integers(1, 4), withdraws=st.booleans())
    def expire(self, limit: int, withdraws: bool) -> None:
        due = self.store.due(self.now, limit)
        expected = self.oracle.due(self.now)
        assert len(due) == len(set(due)) == min(limit, len(expected))
        assert set(due) <= expected
        for eid, registrant in due if withdraws else ():
            self.withdraw((eid, registrant), b"left")
            self.generation = self.store.generation

    @rule(eid=eids)
    def look_up(self, eid: EidPrefix) -> None:
        mappings = self.oracle.mappings()
        covering = [mapping for mapping in mappings if mapping.eid.covers(eid)][::-1]
        covered = [mapping for mapping in mappings if eid.covers(mapping.eid)]
        assert self.store.get(eid) == next((m for m in mappings if m.eid == eid), None)
        assert list(self.store.covering(eid)) == covering
        assert self.store.longest_match(eid) == (covering[0] if covering else None)
        assert list(self.store.covered(eid)) == covered
        inside = [held for mapping in covered for held in mapping.registrations]
        assert self.store.summary(eid) == (
            len(covered),
            sum(len(held.record) for held in inside),
            {held.details for held in inside},
        )
        assert self.store.scan(eid, 3) == self.oracle.mappings(eid)[:3]

    @rule()
    def read_back(self) -> None:
        self.copy.apply(self.store.take_changes()[1], 0.0)
        self._equals_oracle(self.copy)

    @rule()
    def read_back_sealed(self) -> None:
        changes = read_changes(self.store.take_changes()[1])
        assert self.copy.apply_sealed([sealed(pack(one)) for one in changes], 0.0) == 0
        self._equals_oracle(self.copy)

    @invariant()
    def hold_the_same(self) -> None:
        self._equals_oracle(self.store)
        deadlines = [held.deadline for _, held in self.oracle.registrations]
        asked = self.store.next_deadline()
        if deadlines:
            assert asked is not None
            assert asked <= min(deadlines) + 1.0 or asked <= self.now
        else:
            assert asked is None
        self.generation = self.store.generation

    def _equals_oracle(self, store: Store) -> None:
        assert store.scan(None, 100) == self.oracle.mappings()
        assert len(store) == len(self.oracle.registrations)
        for family in Family:
            of_family = [eid for eid, _ in self.oracle.registrations if eid.family is family]
            assert store.held(family) == len(of_family)
        assert len(store.subscriptions) == len(self.oracle.subscriptions)
        for key, subscription in self.oracle.subscriptions.items():
            assert store.subscriptions.get(*key) == subscription
        for mark in (b"x", b"y"):
            assert store.nonce_mark(mark) == self.oracle.nonces.get(mark)
        for digest in (DIGEST, b"fedcba9876543210", bytes(16)):
            until = self.oracle.superseded.get(digest, 0.0)
            assert store.is_superseded(digest, self.now) == (self.now < until)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
