"""Where an answer to one EID is right for others too; what a datapath may answer by itself.

An answer is made of what is registered, configured and held to be there around an
EID. Where none of that begins or ends, all EIDs have one answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mapsys.core.holes import Known, free_part
from mapsys.core.site import SiteTable
from mapsys.eid import EidPrefix, Family
from mapsys.store import Store

if TYPE_CHECKING:
    from mapsys.core.resolution import Resolution


class Scopes:
    """Finds the scope of answers; of IPv4 and IPv6 EIDs, what there is most of."""

    def __init__(
        self,
        store: Store,
        sites: SiteTable,
        authority: Sequence[EidPrefix],
        also_known: Sequence[Known] = (),
    ) -> None:
        """authority: where this server may deny that an EID exists; empty: anywhere.

        also_known: further tables of EID-Prefixes that exist.
        """
        self._store = store
        self._sites = sites
        self._authority = tuple(authority)
        self._also_known = tuple(also_known)

    def of(self, answer: Resolution) -> EidPrefix | None:
        """The prefix around an answer's EID in which each EID is answered alike, or None."""
        eid = answer.eid
        if not eid.is_host or eid.family not in (Family.IPV4, Family.IPV6):
            return None
        if answer.mapping is not None:
            return self._around(eid, answer.mapping.eid)
        if answer.negative is None:
            return None
        if answer.site is not None:
            # Denied: alike in all that no other configured prefix takes out of this one.
            # Not registered: the negative prefix is the largest that holds nothing else.
            return self._sites.hole(eid, answer.negative.length)
        return answer.negative if self._is_uniform(answer.negative) else None

    @staticmethod
    def hangs_on(answer: Resolution, scope: EidPrefix) -> EidPrefix:
        """Where a change of what is registered may change the answer in a scope.

        A mapping's answer names its more-specifics. A hole ends where something lies
        beside it: it grows when the last of that goes.
        """
        if answer.mapping is not None:
            return answer.mapping.eid
        return scope.truncated(max(scope.length - 1, 0))

    def _around(self, eid: EidPrefix, mapping: EidPrefix) -> EidPrefix | None:
        """The part of a mapping around an EID that neither another one nor a site divides."""

        def is_occupied(prefix: EidPrefix) -> bool:
            return any(inside.eid != mapping for inside in self._store.covered(prefix, limit=2))

        part = free_part(eid, mapping.length, is_occupied)
        return None if part is None else self._sites.hole(eid, part.length)

    def _is_uniform(self, hole: EidPrefix) -> bool:
        """Whether one bound holds for all EIDs of a hole, and no other table has a say."""
        return not any(hole.covers(bound) and bound != hole for bound in self._authority) and all(
            table.hole(hole.truncated(0), 0) is not None for table in self._also_known
        )
