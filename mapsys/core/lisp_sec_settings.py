"""What LISP-SEC demands of a node's neighbours, and the keys shared with them (RFC 9303)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.lisp_sec import OTK_OCTETS, WRAPPED_OCTETS, KeyWrapId

NULL_PREAMBLE: Final = bytes(WRAPPED_OCTETS - OTK_OCTETS)
"""What stands before a One-Time Key that is not encrypted (RFC 9303, 6.5.1)."""


class Policy(StrEnum):
    """What becomes of a Map-Request with and without LISP-SEC data.

    OFF: the data is ignored, answers are plain. ALLOWED: who asks for protection
    gets it. REQUIRED: who does not ask for it gets silence.
    """

    OFF = "off"
    ALLOWED = "allowed"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How One-Time Keys travel over one link: under a key, or unencrypted where it is None.

    key_id: 0..255, names the secret to the other end. Without a key, something
    else has to protect the link; the operator says so.
    """

    key_id: int = 0
    key: WrapKey | None = None

    def wrap(self, otk: bytes, nonce: int) -> tuple[KeyWrapId, bytes]:
        """Preamble and key, 24 octets, with the id that says how to read them."""
        if self.key is None:
            return KeyWrapId.NULL_KEY_WRAP_128, NULL_PREAMBLE + otk
        return KeyWrapId.AES_KEY_WRAP_128_HKDF_SHA256, self.key.wrap(otk, nonce)


@dataclass(frozen=True, slots=True)
class Askers:
    """Those whose Map-Requests one role takes: ITRs, or Map-Resolvers.

    keys: the secrets shared with them, by key-id. protected_links: the source
    addresses from which One-Time Keys may come unencrypted, instance-ID 0;
    protected_alt: they may over the ALT.
    """

    policy: Policy = Policy.OFF
    keys: Mapping[int, WrapKey] = field(default_factory=dict)
    protected_links: tuple[EidPrefix, ...] = ()
    protected_alt: bool = False


@dataclass(frozen=True, slots=True)
class LispSecSettings:
    """LISP-SEC on one node, off unless told otherwise.

    itrs: who asks the Map-Resolver. map_resolvers: who asks the Map-Server.
    onward: from the Map-Resolver to Map-Servers and into the ALT; None where
    protected Map-Requests are not passed on. The keys towards ETRs are the sites'.
    """

    itrs: Askers = Askers()
    map_resolvers: Askers = Askers()
    onward: Wrapping | None = None
