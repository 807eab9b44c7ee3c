"""What a refresh does, spelled out for a datapath that carries it out by itself.

``core.refresh`` does the same in Python; the two are tried against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mapsys.core.shared_budgets import SharedBudgets
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key


class RefreshPlan(NamedTuple):
    """How every later Map-Register is dealt with whose octets are those of the one judged.

    Nonce and authentication data apart, which have to be right each time. Good until
    something but a lifetime changes in the store at one of its EID-Prefixes.

    site: its name. key_id: with the secret, what ``accepted`` is told of. secret,
    algorithm_id, mac_octets: of the MAC. valid_from, valid_until: when the secret may
    be used, by the core's clock. check: ``replay.Check``'s number. mark: of its
    nonces. held: each EID-Prefix with the seconds it is granted. superseded_seconds:
    how long a Map-Register is remembered that this one takes the place of.
    notify_word: how its Map-Notify begins; None: none is wanted. to_source: whether
    that goes to the port it came from. is_writable: whether the journal takes changes.
    budgets: their tables. rate: the site's, tokens a second and at once; None: no
    limit. site_mark: its fingerprint there. proves: fingerprint of the sender that it
    vouches for; None: of nobody. accepted: told afterwards how many of them there
    were; the same for all with this site, key-id and secret.
    """

    site: str
    key_id: int
    secret: Key
    algorithm_id: int
    mac_octets: int
    valid_from: float
    valid_until: float
    check: int
    mark: bytes
    registrant: bytes
    held: tuple[tuple[EidPrefix, int], ...]
    superseded_seconds: float
    notify_word: int | None
    to_source: bool
    is_writable: Callable[[], bool]
    budgets: SharedBudgets
    rate: tuple[float, float] | None
    site_mark: int
    proves: int | None
    accepted: Callable[[int, float], None]
