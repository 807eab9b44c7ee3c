"""What somebody who may see some sites only is shown of an EID: what is said of those sites.

An EID of another site and one of nobody get the same answer. Of an answer that would
tell where others' EID-Prefixes begin, the extent of a hole or the more-specifics of a
mapping, only the part about the own site is left.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mapsys.http.doorkeeper import Identity
from mapsys.http.problem import Problem, ProblemError
from mapsys.query_explain_rows import ExplainRow, HistoryPage, HistoryRow
from mapsys.query_rows import LookupRow

OWN_TOPICS: Final = frozenset(("site", "policy", "registration", "key"))
"""Reasons that speak of the site alone; the others speak of the node and of neighbours."""


def require_own(row: LookupRow, identity: Identity) -> None:
    """Raises ProblemError where the EID is in none of the sites that may be seen."""
    if not identity.sees(row.site):
        raise ProblemError(Problem.UNKNOWN_EID, "ask for an EID that one of your sites holds")


def own_lookup(row: LookupRow, identity: Identity) -> LookupRow:
    """The answer as it may be shown. Raises ProblemError as ``require_own`` does."""
    require_own(row, identity)
    if identity.sites is None:
        return row
    if _is_own_mapping(row, identity):
        return row
    return replace(row, prefix=None, record=None, registrations=[])


def own_explanation(found: LookupRow, row: ExplainRow, identity: Identity) -> ExplainRow:
    """The explanation to an answer, likewise; found: the whole answer."""
    if identity.sites is None:
        return row
    own = _is_own_mapping(found, identity)
    topics = OWN_TOPICS if own else {"site", "policy"}
    return replace(
        row,
        etr=row.etr if own else None,
        records=[found.record] if own and row.records and found.record is not None else [],
        reasons=[reason for reason in row.reasons if reason.topic in topics],
        moves=_own(row.moves, identity),
    )


def own_history(page: HistoryPage, identity: Identity) -> HistoryPage:
    """The entries of the sites that may be seen; there may be none in a page."""
    return HistoryPage(_own(page.rows, identity), page.next)


def _own(rows: list[HistoryRow], identity: Identity) -> list[HistoryRow]:
    return [row for row in rows if identity.sees(row.site)]


def _is_own_mapping(row: LookupRow, identity: Identity) -> bool:
    """Whether a mapping was found, and every registration in it is of those sites."""
    return bool(row.registrations) and all(identity.sees(one.site) for one in row.registrations)
