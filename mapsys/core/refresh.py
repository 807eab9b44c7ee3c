"""The short way for a Map-Register that only refreshes what is registered.

Built after the core has judged one Map-Register in full; good for every later
one whose octets are the same, nonce and authentication data apart, until the
store's generation changes. Nothing is parsed: the MAC covers the octets, and the
Map-Notify is the Map-Register with another first word and MAC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest
from math import inf
from typing import Final

from mapsys.core.admission import MESSAGE, Authenticated
from mapsys.core.effects import Datagram, Dropped, Effect, Endpoint, Refreshed, Send
from mapsys.core.key_uses import KeyUses
from mapsys.core.limiter import UNLIMITED, Budgets
from mapsys.core.notify import CONTROL_PORT
from mapsys.core.reasons import Drop
from mapsys.core.refresh_plan import RefreshPlan
from mapsys.core.replay import DIGEST_OCTETS, Check, is_proof, nonce_is_new
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.wire.map_register import MapRegister

_NONCE: Final = slice(4, 12)
_AUTHENTICATION_OFFSET: Final = 16
_NOTIFY_WORD: Final = 0x40000000
_NOTIFY_HAS_TRAILER: Final = 0x08000000


def notify_word(register: MapRegister) -> int:
    """How the Map-Notify begins that acknowledges a Map-Register with the same records."""
    trailer = 0 if register.xtr_id is None else _NOTIFY_HAS_TRAILER
    return _NOTIFY_WORD | trailer | len(register.records)


Again = Callable[[Datagram, float], list[Effect] | None]


def refresher(
    store: Store,
    budgets: Budgets,
    is_writable: Callable[[], bool],
    *,
    key_uses: KeyUses,
    register: MapRegister,
    who: Authenticated,
    sender: str,
    held: Sequence[tuple[EidPrefix, int]],
    superseded_seconds: float,
) -> Again:
    """A function that refreshes these registrations by an equal Map-Register.

    sender: the address that they come from. held: each EID-Prefix with the seconds
    it is granted. superseded_seconds: how long a Map-Register is remembered once
    another has taken its place. The function returns None where the core has to
    look itself.
    """
    mac_end = _AUTHENTICATION_OFFSET + len(register.authentication_data)
    zero_mac = bytes(len(register.authentication_data))
    word = notify_word(register).to_bytes(4, "big")
    site, key, secret, check, mark = who.site, who.key, who.secret, who.check, who.mark
    registrant, site_name = who.registrant, site.name
    mac_of = secret.mac_function(register.algorithm_id, len(zero_mac))
    want_map_notify = register.want_map_notify
    proves, sender_host = is_proof(register, check, sender), budgets.host(sender)
    prove = budgets.prove
    take_budget, note_use = budgets.take_register, key_uses.note
    touch, supersede, is_superseded = store.touch, store.supersede, store.is_superseded
    refreshed = Refreshed(site_name, len(held))
    has_another_mac = key.next is not None or site.records_only_mac
    # Nothing parsed is kept alive by what follows.
    del register, who

    def again(datagram: Datagram, now: float) -> list[Effect] | None:
        data, source, local, mac_good = datagram
        if not is_writable() or not key.is_valid_at(now) or not key.takes(secret, now):
            return None
        mac = data[_AUTHENTICATION_OFFSET:mac_end]
        tail = data[4:_AUTHENTICATION_OFFSET] + zero_mac + data[mac_end:]
        good = compare_digest(mac_of(data[:4] + tail), mac) if mac_good is None else mac_good
        if not good:
            # The core would compute the same MAC again, unless there is another to try.
            if has_another_mac:
                return None
            return [Dropped(source, MESSAGE, Drop.AUTHENTICATION_FAILED, site_name)]
        if not take_budget(site_name, site.register_rate, now):
            return [Dropped(source, MESSAGE, Drop.RATE_LIMITED, site_name)]
        digest = (mac + data[_NONCE])[:DIGEST_OCTETS]
        if check is Check.NONCE:
            nonce = int.from_bytes(data[_NONCE], "big")
            if not nonce_is_new(store, mark, nonce):
                return None
            store.raise_nonce(mark, nonce)
        elif check is Check.OCTETS and is_superseded(digest, now):
            return None
        note_use(site_name, key, secret, now)
        if proves:
            prove(sender_host, now)
        replaced = digest
        for eid, lifetime in held:
            previous = touch(eid, registrant, deadline=now + lifetime, digest=digest)
            if previous is not None and previous not in (digest, replaced):
                if check is Check.OCTETS:
                    supersede(previous, now + superseded_seconds)
                replaced = previous
        effects: list[Effect] = [refreshed]
        if want_map_notify:
            message = word + tail
            mac = mac_of(message)
            notify = message[:_AUTHENTICATION_OFFSET] + mac + message[mac_end:]
            to_source = site.notify_to_source
            destination = source if to_source else Endpoint(source.host, CONTROL_PORT)
            effects.append(Send(notify, destination, local, after=store.ticket))
        return effects

    return again


def plan_of(
    budgets: Budgets,
    is_writable: Callable[[], bool],
    *,
    key_uses: KeyUses,
    register: MapRegister,
    who: Authenticated,
    sender: str,
    held: Sequence[tuple[EidPrefix, int]],
    superseded_seconds: float,
) -> RefreshPlan:
    """What ``refresher``'s function does, spelled out; the arguments are the same."""
    site, key, secret = who.site, who.key, who.secret
    valid_from, valid_until = key.bounds_of(secret)
    proves = is_proof(register, who.check, sender)

    def accepted(count: int, now: float) -> None:
        key_uses.note(site.name, key, secret, now, count)

    rate = site.register_rate or budgets.limits.registers_per_site
    return RefreshPlan(
        site.name,
        key.key_id,
        secret,
        register.algorithm_id,
        len(register.authentication_data),
        -inf if valid_from is None else valid_from,
        inf if valid_until is None else valid_until,
        who.check.value,
        who.mark,
        who.registrant,
        tuple(held),
        superseded_seconds,
        notify_word(register) if register.want_map_notify else None,
        site.notify_to_source,
        is_writable,
        budgets.shared,
        None if rate is None or rate == UNLIMITED else (rate.per_second, rate.burst),
        budgets.site(site.name),
        budgets.host(sender).host if proves else None,
        accepted,
    )
