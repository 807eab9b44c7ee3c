"""How ``scripts/venv.sh`` marks an environment as installed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
INSTALLED_BY: Final = ("pyproject.toml", "constraints.txt", "setup.py")


def installed_mark(folder: Path) -> str:
    """What it writes for ``folder``: the files that decide what is installed, and the place."""
    native = ROOT / "mapsys" / "native"
    names = [ROOT / name for name in INSTALLED_BY]
    names += sorted([*native.glob("*.p*"), *native.glob("*.h")])
    files = b"".join(name.read_bytes() for name in names)
    checksum = subprocess.run(["cksum"], input=files, capture_output=True, check=True, timeout=60)
    return f"{checksum.stdout.decode().strip()} {folder}\n"
