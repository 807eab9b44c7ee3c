"""Protected Map-Requests: may their One-Time Key be taken, and what does the ITR want?

Nothing else of the request counts before its key is good (RFC 9303, 6.5 and 6.6).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from mapsys.core.lisp_sec_settings import NULL_PREAMBLE, Askers, LispSecSettings, Policy
from mapsys.core.reasons import Drop
from mapsys.eid import EidPrefix, Family
from mapsys.wire.lisp_sec import AuthorizedEid, EcmSecurity, EidAd, HmacId, KdfId, KeyWrapId


@dataclass(frozen=True, slots=True)
class Protection:
    """The One-Time Key of a Map-Request, and how its answer is to be protected.

    itr_otk: 16 octets, not shown. requested_hmac_id, requested_kdf_id: what the ITR
    prefers, as received; they are passed on so.
    """

    itr_otk: bytes = field(repr=False)
    requested_hmac_id: int
    requested_kdf_id: int

    @property
    def hmac_id(self) -> HmacId:
        """The function used here: the one asked for, where it is known."""
        return HmacId.chosen(self.requested_hmac_id)

    @property
    def kdf_id(self) -> KdfId:
        """The function that gives the MS-OTK: the one asked for, where it is known."""
        return KdfId.chosen(self.requested_kdf_id)

    def ms_otk(self) -> bytes:
        """The key for whoever signs the Map-Reply, 16 octets."""
        return self.kdf_id.derive(self.itr_otk)

    def eid_ad(self, prefixes: Sequence[EidPrefix], *, etr_cant_sign: bool) -> EidAd:
        """What the ITR may believe an answer about, signed with its own key."""
        eids = tuple(map(AuthorizedEid.of, prefixes))
        return EidAd.signed(
            self.kdf_id, eids, self.hmac_id, self.itr_otk, etr_cant_sign=etr_cant_sign
        )


class OneTimeKeys:
    """Opens the One-Time Keys of the Map-Requests that a node receives.

    A node that is Map-Resolver and Map-Server takes the keys of both roles: its
    port is one, and a key-id may be an ITR's or another Map-Resolver's.
    """

    def __init__(self, settings: LispSecSettings, *, map_resolver: bool, map_server: bool) -> None:
        roles = ((map_resolver, settings.itrs), (map_server, settings.map_resolvers))
        self._askers: list[Askers] = [
            askers for present, askers in roles if present and askers.policy is not Policy.OFF
        ]

    def open(
        self, security: bytes | None, nonce: int, asker: str, *, over_alt: bool
    ) -> Protection | Drop | None:
        """The key in an ECM's authentication data; None where there is none, or no role looks.

        nonce: the Map-Request's. asker: the host it came from. At most two keys are
        tried. Returns the reason where the message is to be dropped; raises
        WireError where the data cannot be read.
        """
        if security is None or not self._askers:
            return None
        data = EcmSecurity.parse(security)
        if data.eid_ad.authorization is not None:
            return Drop.LISP_SEC_EID_AD
        if data.wrap_id == KeyWrapId.NULL_KEY_WRAP_128:
            opened = self._unencrypted(data.wrapped_otk, asker, over_alt)
        elif data.wrap_id == KeyWrapId.AES_KEY_WRAP_128_HKDF_SHA256:
            opened = self._unwrapped(data, nonce)
        else:
            return Drop.LISP_SEC_UNKNOWN_WRAP_ID
        if isinstance(opened, Drop):
            return opened
        return Protection(opened, data.requested_hmac_id, data.eid_ad.kdf_id)

    def _unencrypted(self, wrapped: bytes, asker: str, over_alt: bool) -> bytes | Drop:
        if not any(_is_protected(askers, asker, over_alt) for askers in self._askers):
            return Drop.LISP_SEC_UNENCRYPTED
        if not wrapped.startswith(NULL_PREAMBLE):
            return Drop.LISP_SEC_WRONG_KEY
        return wrapped[len(NULL_PREAMBLE) :]

    def _unwrapped(self, data: EcmSecurity, nonce: int) -> bytes | Drop:
        keys = [a.keys[data.key_id] for a in self._askers if data.key_id in a.keys]
        if not keys:
            return Drop.LISP_SEC_UNKNOWN_KEY_ID
        for key in keys:
            otk = key.unwrap(data.wrapped_otk, nonce)
            if otk is not None:
                return otk
        return Drop.LISP_SEC_WRONG_KEY


def _is_protected(askers: Askers, host: str, over_alt: bool) -> bool:
    """Whether something else keeps the link secret; over the ALT the source says nothing."""
    if over_alt:
        return askers.protected_alt
    ip = ipaddress.ip_address(host)
    family = Family.IPV4 if ip.version == 4 else Family.IPV6
    source = EidPrefix(0, family, int(ip), ip.max_prefixlen)
    return any(prefix.covers(source) for prefix in askers.protected_links)
