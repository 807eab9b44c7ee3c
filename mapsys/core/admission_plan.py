"""What an accepted Map-Register tells of others like it, spelled out for a datapath.

``core.registrar`` does the same in Python, for every Map-Register; the two are tried
against each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mapsys.core.shared_budgets import SharedBudgets
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key

if TYPE_CHECKING:
    from mapsys.core.effects import Endpoint, Registered


class Ceiling(NamedTuple):
    """A count that is limited, where it is kept.

    held: one number, which stays in its place. limit: the highest it may be. warning: who
    lets it rise to this has the operator warned. None: there is none.
    """

    held: array[int]
    limit: int | None
    warning: int | None


class AdmissionPlan(NamedTuple):
    """How a plain Map-Register is dealt with that names one configured EID-Prefix or more.

    Plain: its first word (the number of records apart), key-id, algorithm and length of the
    MAC are the plan's; every record says what can be said in the RFC's own fields, has
    locators and a TTL, no Map-Version and no address but IPv4 and IPv6, in an instance-ID or
    not; every locator was accepted before from the site, over loopback or not. Nobody else is
    registered at the EID-Prefix; of a new one, nobody else at the one around it. All its
    records have plans that differ in prefix and ceilings alone.

    Good until the configuration changes.

    site: its name. prefix: the configured one; no other lies inside it. more_specifics:
    whether those are accepted. word: how the Map-Register begins, its number of records taken
    as 0. key_id to valid_until, check, superseded_seconds, to_source, budgets, rate,
    site_mark: as in ``core.refresh_plan.RefreshPlan``. flags: of its registrations
    (``core.details``). lifetime_seconds: of each. wall_offset: seconds since 1970 minus the
    core's clock. notify_word: how its Map-Notify begins, likewise. ceilings: of
    more-specifics, what one of them counts towards; the last counts octets of records.
    limits_senders: whether a MAC costs a sender part of a budget for whom nobody vouches.
    is_open: whether the journal takes changes, and nobody has to be told of them. accepted:
    told afterwards how many Map-Registers there were. noted: has the history remember one
    registration (its EID-Prefix, sender, whether nothing was registered there, the registrant,
    and when), and returns the effect; to be called in their order, before anything else
    changes.
    """

    site: str
    prefix: EidPrefix
    more_specifics: bool
    word: int
    key_id: int
    secret: Key
    algorithm_id: int
    mac_octets: int
    valid_from: float
    valid_until: float
    check: int
    flags: int
    lifetime_seconds: int
    wall_offset: float
    superseded_seconds: float
    notify_word: int
    to_source: bool
    ceilings: tuple[Ceiling, Ceiling, Ceiling, Ceiling]
    budgets: SharedBudgets
    limits_senders: bool
    rate: tuple[float, float] | None
    site_mark: int
    is_open: Callable[[], bool]
    accepted: Callable[[int, float], None]
    noted: Callable[[EidPrefix, Endpoint, bool, bytes, float], Registered]
