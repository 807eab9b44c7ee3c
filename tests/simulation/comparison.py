"""What the server says and holds, in the words of the reference, and where the two differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from mapsys.core.effects import Dropped, Effect, Refused, Send
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.wire.errors import WIRE_REASONS
from tests.simulation.reference import State, Verdict
from tests.simulation.reference_wire import (
    OCTETS,
    Malformed,
    Prefix,
    Record,
    Signed,
    read_record,
    read_reply,
    read_signed,
)
from tests.simulation.sites import bits_of

OWN_NONCES = 0xFEED << 48
"""The nonces of what the server sends unasked begin with this."""


class Divergence(AssertionError):
    """Server and reference disagree."""


def verdict_of(
    effects: list[Effect], register: bytes, is_signed: Callable[[bytes, Signed], bool]
) -> Verdict:
    """What the server did with a Map-Register. is_signed: judges the Map-Notify that it sends.

    Raises Divergence where it sends what no Map-Server may.
    """
    for effect in effects:
        if isinstance(effect, Dropped):
            return Verdict("dropped", effect.reason)
        if isinstance(effect, Refused):
            return Verdict("refused", effect.reason)
    notify, told = None, []
    for send in (effect for effect in effects if isinstance(effect, Send)):
        message = read_signed(send.data)
        if message.nonce >> 48 == OWN_NONCES >> 48:
            told.append((send.destination.host, message.records[0]))
            continue
        if message.nonce != int.from_bytes(register[4:12], "big"):
            raise Divergence(f"a Map-Notify with the nonce {message.nonce}, which nobody gave")
        if not is_signed(send.data, message):
            raise Divergence(f"a Map-Notify to {send.destination.host} that does not verify")
        notify = message.records
    return Verdict("accepted", "", notify, tuple(told))


def agree(found: Verdict, wanted: Verdict) -> bool:
    """Octets that are damaged, and so signed by nobody, may be dropped for either reason."""
    if found.kind == wanted.kind == "dropped":
        if wanted.reason.startswith("malformed"):
            return True
        if wanted.reason == "authentication-failed" and found.reason in WIRE_REASONS:
            return True
    return found == wanted


def answer_of(effects: list[Effect], nonce: int) -> tuple[str, Any]:
    """What the server did with a Map-Request. Raises Divergence at another nonce."""
    for effect in effects:
        if isinstance(effect, Dropped):
            return "silence", effect.reason
    (send,) = (effect for effect in effects if isinstance(effect, Send))
    if send.data[0] >> 4 == 2:
        given, records = read_reply(send.data)
        if given != nonce:
            raise Divergence("a Map-Reply under another nonce")
        return "reply", records
    host = EidPrefix.parse(send.destination.host)
    return "forward", bytes((0, int(host.family))) + host.network_octets()


def compare_store(store: PureStore, wanted: State) -> None:
    """Raises Divergence where anything is held otherwise."""
    found = {bits_of(mapping.eid): mapping for mapping in store.scan(None, 100_000)}
    if found.keys() != wanted.held.keys():
        extra = [text_of(p) for p in found.keys() - wanted.held.keys()]
        missing = [text_of(p) for p in wanted.held.keys() - found.keys()]
        raise Divergence(f"registered beside the reference: {extra}; missing: {missing}")
    for prefix, mapping in found.items():
        shown = _record(mapping.published)
        if shown != wanted.published[prefix]:
            raise Divergence(
                f"{text_of(prefix)} is published as\n  {shown}, not\n  {wanted.published[prefix]}"
            )
        have = sorted((_record(r.record), r.deadline, r.digest) for r in mapping.registrations)
        want = sorted((h.record, h.deadline, h.digest) for h in wanted.held[prefix])
        if have != want:
            raise Divergence(f"{text_of(prefix)} is held as\n  {have}, not\n  {want}")


@lru_cache(maxsize=4096)
def _record(octets: bytes) -> Record:
    return read_record(octets, 0)[0]


def in_words(register: bytes) -> str:
    """The EID-Prefixes of a Map-Register."""
    try:
        return ", ".join(text_of(one.prefix) for one in read_signed(register).records)
    except Malformed:
        return "damaged octets"


def text_of(prefix: Prefix) -> str:
    """An EID-Prefix of the reference as people write it."""
    instance_id, afi, bits = prefix
    network = int(bits.ljust(8 * OCTETS[afi], "0"), 2)
    family = EidPrefix.parse("0.0.0.0/0").family if afi == 1 else EidPrefix.parse("::/0").family
    return str(EidPrefix(instance_id, family, network, len(bits)))
