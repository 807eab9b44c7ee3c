"""Findings as rows, the gravest first: what the command line and the API show."""

from __future__ import annotations

from collections.abc import Iterable

from mapsys.config.checks import Finding
from mapsys.query_review_rows import FindingRow


def finding_rows(findings: Iterable[Finding], unix_now: float) -> list[FindingRow]:
    """Rows of those that hold by now; equals stay in their order."""
    holding = [one for one in findings if one.since <= unix_now]
    holding.sort(key=lambda one: -one.check.severity.rank)
    return [_row(one) for one in holding]


def _row(finding: Finding) -> FindingRow:
    check, fault = finding.check, finding.fault
    return FindingRow(
        check=check.id,
        severity=check.severity.value,
        file=fault.file or None,
        line=fault.line or None,
        column=fault.column or None,
        path=fault.path,
        message=fault.message,
        what_to_do=check.what_to_do,
    )
