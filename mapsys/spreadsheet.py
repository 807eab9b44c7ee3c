"""Text that is safe in a cell of a spreadsheet, whoever named what it names."""

from __future__ import annotations

from typing import Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run: anyone may name a site or send a detail that begins so."""


def defused(text: str) -> str:
    """The text, with an apostrophe in front where it would be taken for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
