"""What ends a lab, and what ends one check of it."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot go on; the text says what is missing and what to do."""


class CheckFailed(Exception):
    """A check that did not find what it expected; the text is what it found instead."""
