"""What a refresh does, spelled out for a datapath that carries it out by itself.

``core.refresh`` does the same in Python; the two are tried against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key


class RefreshPlan(NamedTuple):
    """How every later Map-Register is dealt with whose octets are those of the one judged.

    Nonce and authentication data apart, which have to be right each time. Good until
    the store's generation changes.

    site: its name. secret, algorithm_id, mac_octets: of the MAC. valid_from,
    valid_until: when the secret may be used, by the core's clock. check:
    ``replay.Check``'s number. mark: of its nonces. held: each EID-Prefix with the
    seconds it is granted. superseded_seconds: how long a Map-Register is remembered
    that this one takes the place of. notify_word: how its Map-Notify begins; None:
    none is wanted. to_source: whether that goes to the port it came from.
    is_writable: whether the journal takes changes. admit: asks the site's budget;
    None: there is none. accepted: told afterwards how many of them there were.
    """

    site: str
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
    admit: Callable[[float], bool] | None
    accepted: Callable[[int, float], None]
