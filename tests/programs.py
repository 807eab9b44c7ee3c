"""Programs that tests drive: a missing one fails the test by name, it never skips it."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

_BESIDE_PATH: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/frr")
"""Where Debian keeps servers that an ordinary user's PATH does not name."""


def require_program(name: str, debian_package: str) -> str:
    """The path of a program; where there is none, fail and name the Debian package."""
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), *_BESIDE_PATH))
    found = shutil.which(name, path=search)
    if found is None:
        pytest.fail(
            f"{name} is not installed; the test needs it: apt-get install {debian_package}",
            pytrace=False,
        )
    return found
