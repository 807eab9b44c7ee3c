"""Two members changed one EID-Prefix without knowing of each other: what it amounts to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mapsys.core.adoption import UnfitError, made_former, published_together
from mapsys.core.details import FORMER, flags_in
from mapsys.eid import EidPrefix
from mapsys.fleet.state import Contribution, State, of


class Merged(NamedTuple):
    """takes_over: it changes hands. lost: some of what was ours does not count."""

    state: State
    takes_over: bool
    lost: bool


def merge(eid: EidPrefix, mine: Iterable[Contribution], theirs: State) -> Merged:
    """What our changes and the engine's state make together; the same whoever asks.

    Each registrant's newest counts. Where the registrants then disagree, and have not
    all asked to be merged, what changed last does, and the others are former ones.
    """
    ours = of(0, mine)
    changed_ms = max((one.changed_ms for one in ours.contributions), default=0)
    both = of(max(changed_ms, theirs.changed_ms), (*theirs.contributions, *ours.contributions))
    if is_consistent(eid, both):
        lost = any(one not in both.contributions for one in ours.contributions)
        return Merged(both, False, lost)
    if changed_ms < theirs.changed_ms:
        return Merged(theirs, False, True)
    own = {one.registrant for one in ours.contributions}
    former = [
        one._replace(put=made_former(one.put))
        for one in theirs.contributions
        if one.registrant not in own and one.put is not None
    ]
    return Merged(of(changed_ms, (*former, *ours.contributions)), True, False)


def is_consistent(eid: EidPrefix, state: State) -> bool:
    """Whether those that count can stand behind the EID-Prefix together."""
    counting = [put for put in state.puts if not flags_in(put.details) & FORMER]
    if not counting:
        return True
    try:
        published_together(eid, counting)
    except UnfitError:
        return False
    return True
