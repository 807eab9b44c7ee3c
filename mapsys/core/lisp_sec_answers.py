"""What a node writes into protected Map-Replies and Map-Requests (RFC 9303, 6.6 and 6.7)."""

from __future__ import annotations

from collections.abc import Iterable

from mapsys.core.details import Details
from mapsys.core.lisp_sec import Protection
from mapsys.core.lisp_sec_settings import Wrapping
from mapsys.core.resolution import Outcome, Resolution
from mapsys.core.verdict import split
from mapsys.eid import EidPrefix
from mapsys.store import Mapping
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp, parse_ip_udp
from mapsys.wire.lisp_sec import EcmSecurity, EidAd, ReplySecurity, sign_map_reply


def some_etr_can_sign(mapping: Mapping) -> bool:
    """Whether an ETR registered with the S bit."""
    return any(Details.unpack(r.details).security_capable for r in split(mapping)[0])


def some_etr_cant_sign(mapping: Mapping) -> bool:
    """Whether an ETR registered without the S bit: the E bit, where ETRs answer."""
    return any(not Details.unpack(r.details).security_capable for r in split(mapping)[0])


def reply_data(protection: Protection, answers: Iterable[Resolution]) -> bytes:
    """Authentication data of a Map-Reply with these answers, its PKT HMAC still zero.

    It vouches for what is registered, and for the holes. The E bit is for negative
    answers in place of an ETR's own: a proxy answers whatever its ETRs can do.

    Source: RFC 9303, 6.7.2; rules 1 and 3 of 6.7.
    """
    prefixes: dict[EidPrefix, None] = {}
    etr_cant_sign = False
    for answer in answers:
        prefix = answer.negative
        if answer.mapping is not None:
            prefix = answer.mapping.eid
            if answer.outcome is Outcome.NEGATIVE:
                etr_cant_sign |= some_etr_cant_sign(answer.mapping)
        prefixes[prefix or answer.eid] = None
    eid_ad = protection.eid_ad(tuple(prefixes), etr_cant_sign=etr_cant_sign)
    hmac_id = protection.hmac_id
    return ReplySecurity(eid_ad, hmac_id, bytes(hmac_id.octets)).octets()


def signed(protection: Protection, map_reply: bytes) -> bytes:
    """A Map-Reply that ends in :func:`reply_data`, signed in the ETR's place."""
    return sign_map_reply(map_reply, protection.hmac_id, protection.ms_otk())


def etr_data(protection: Protection, nonce: int, mapping: Mapping, wrapping: Wrapping) -> bytes:
    """Authentication data of the ECM to an ETR: its own key, and what it may answer for.

    nonce: the Map-Request's. Source: RFC 9303, 6.7.1; rule 2 of 6.7.
    """
    eid_ad = protection.eid_ad((mapping.eid,), etr_cant_sign=some_etr_cant_sign(mapping))
    return _ecm_data(protection, nonce, protection.ms_otk(), wrapping, eid_ad)


def onward_data(protection: Protection, nonce: int, wrapping: Wrapping) -> bytes:
    """Authentication data of the ECM to a Map-Server: the ITR's, for the next link.

    nonce: the Map-Request's. Source: RFC 9303, 6.6.
    """
    eid_ad = EidAd(protection.requested_kdf_id)
    return _ecm_data(protection, nonce, protection.itr_otk, wrapping, eid_ad)


def _ecm_data(
    protection: Protection, nonce: int, otk: bytes, wrapping: Wrapping, eid_ad: EidAd
) -> bytes:
    wrap_id, wrapped = wrapping.wrap(otk, nonce)
    return EcmSecurity(
        protection.requested_hmac_id, wrapping.key_id, wrap_id, wrapped, eid_ad
    ).octets()


def alt_datagram(packet: bytes, data: bytes) -> bytes:
    """An ECM on its way over the ALT, with the addresses and ports of the packet inside.

    The ALT forwards by EID (RFC 6836, 3), so the EID is the outer destination too.
    """
    header, _ = parse_ip_udp(packet)
    return build_ip_udp(
        header.source,
        header.destination,
        header.source_port,
        header.destination_port,
        Ecm(packet, security=data).octets(),
    )
