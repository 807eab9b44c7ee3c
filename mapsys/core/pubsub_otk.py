"""A PubSubKey out of a LISP-SEC One-Time Key, which serves once and never again (RFC 9437, 7.1)."""

from __future__ import annotations

import hashlib
from typing import Final

from mapsys.core.limiter import Rate, TokenBuckets
from mapsys.core.pubsub_notify import Association
from mapsys.core.pubsub_settings import ONE_TIME_KEYS_PER_XTR
from mapsys.core.questions import Question
from mapsys.store import Store
from mapsys.superseded import DIGEST_OCTETS
from mapsys.wire.auth import Key
from mapsys.wire.hkdf import hkdf_sha256
from mapsys.wire.lisp_sec import OTK_OCTETS, EcmSecurity, KeyWrapId

ALGORITHM_ID: Final = 2
"""HMAC-SHA-256-128: what the mandatory functions of LISP-SEC are made of."""

_DIGEST_LABEL: Final = b"PubSub One-Time Key"


class UsedKeys:
    """Which One-Time Keys have made an association; the store remembers their digests."""

    def __init__(self, store: Store, memory_seconds: float) -> None:
        """memory_seconds: for how long; at least 1."""
        self._store = store
        self._memory_seconds = memory_seconds
        self._budget = TokenBuckets(
            Rate(ONE_TIME_KEYS_PER_XTR / memory_seconds, ONE_TIME_KEYS_PER_XTR)
        )

    def are_new(self, question: Question, xtr_id: bytes, now: float) -> bool:
        """Whether it is certain that the question's One-Time Key has not been used before.

        It is not certain, either, where more of the xTR's keys would have to be
        remembered than there is room for.
        """
        return not self._store.is_superseded(_digest(question), now) and self._budget.take(
            xtr_id, now
        )

    def note(self, question: Question, now: float) -> None:
        """The question's One-Time Key has been used."""
        self._store.supersede(_digest(question), now + self._memory_seconds)


def has_one_time_key(question: Question) -> bool:
    """Whether the question brought a One-Time Key that could be read."""
    return question.protection is not None and question.security is not None


def derived_association(question: Question) -> Association:
    """The association that a question's One-Time Key makes.

    PubSubKey = KDF(OTK + nonce), 128 bits; no salt and no info are named, so both
    are empty. A key that came unencrypted is the PubSubKey itself. The Map-Notify
    names the key-id that the One-Time Key was wrapped under. Raises ValueError
    where the question has none.
    """
    if question.protection is None or question.security is None:
        raise ValueError("the question has no One-Time Key")
    data = EcmSecurity.parse(question.security)
    secret = question.protection.itr_otk
    if data.wrap_id != KeyWrapId.NULL_KEY_WRAP_128:
        nonce = question.request.nonce.to_bytes(8, "big")
        secret = hkdf_sha256(secret + nonce, b"", b"", OTK_OCTETS)
    return Association(data.key_id, ALGORITHM_ID, Key(secret), secret)


def _digest(question: Question) -> bytes:
    otk = b"" if question.protection is None else question.protection.itr_otk
    return hashlib.sha256(_DIGEST_LABEL + otk).digest()[:DIGEST_OCTETS]
