"""Is this Map-Register new, a refresh, or a replay (RFC 9301, 5.6)?

Real xTRs send rising nonces, but also zero, random and per-round restarting ones.
``strict`` takes the RFC at its word. ``auto`` does so for algorithm 3 and judges
the others by the octets of the message: what is currently in force may be sent
again, what was superseded may not.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from mapsys.core.site import LispSite, Replay
from mapsys.store import Store
from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.map_register import MapRegister

HKDF_ALGORITHM_ID: Final = 3
SUPERSEDED_LIFETIMES: Final = 2
"""Registration lifetimes for which a superseded Map-Register is remembered."""

NO_XTR_ID: Final = bytes(16)
DIGEST_OCTETS: Final = 16


class Check(Enum):
    """What the replay check goes by."""

    NONCE = 1
    OCTETS = 2
    NOTHING = 3


def check_for(site: LispSite, algorithm_id: int) -> Check:
    """The check that a site's replay mode asks for."""
    if site.replay is Replay.OFF:
        return Check.NOTHING
    if site.replay is Replay.STRICT or algorithm_id == HKDF_ALGORITHM_ID:
        return Check.NONCE
    return Check.OCTETS


def mark_of(site: LispSite, register: MapRegister) -> bytes:
    """The nonce space of a Map-Register: (site, key-id, xTR-ID).

    All xTRs of a site that share a key and send no xTR-ID share one nonce space:
    were it split by source address, a replay from elsewhere would find it empty.
    """
    return mark_octets(site.name, register.key_id, register.xtr_id)


def mark_octets(site_name: str, key_id: int, xtr_id: bytes | None) -> bytes:
    """The store's key for a nonce space."""
    return bytes((key_id,)) + (xtr_id or NO_XTR_ID) + site_name.encode()


def mark_site(mark: bytes) -> str:
    """The name of the site that a nonce space belongs to."""
    return mark[1 + len(NO_XTR_ID) :].decode("utf-8", "replace")


def digest_of(register: MapRegister) -> bytes:
    """16 octets that name one authenticated Map-Register.

    Its MAC already depends on every octet; only a short one is filled up with the
    nonce. Good for messages whose MAC has been verified, and for no others.
    """
    octets = register.authentication_data + register.nonce.to_bytes(8, "big")
    return octets[:DIGEST_OCTETS]


def is_proof(register: MapRegister, check: Check, host: str) -> bool:
    """Whether an accepted Map-Register shows that its sender is at the address it came from.

    A copy sent by somebody else could show that only of an address that the site
    itself names, for the MAC covers the locators.
    """
    return check is Check.NONCE or any(
        isinstance(rloc.rloc, Ipv4 | Ipv6) and rloc.rloc.text == host
        for record in register.records
        for rloc in record.rlocs
    )


def nonce_is_new(store: Store, mark: bytes, nonce: int) -> bool:
    """Whether the nonce is greater than the last one accepted."""
    last = store.nonce_mark(mark)
    return last is None or nonce > last
