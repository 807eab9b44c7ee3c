"""Configuration files for the tests: a small one that is good, and how to put files down."""

from __future__ import annotations

import os
from pathlib import Path

GOOD = """\
node: ms1.example
control: {listen: [127.0.0.1:4342]}
map-server: {}
"""

SITE = """\
sites:
  - name: site-one
    keys: [{id: 1, secret: a-laboratory-secret-1}]
    eids: [{prefix: 198.18.1.0/24}]
"""


def put(folder: Path, text: str, name: str = "mapsys.yaml", mode: int = 0o644) -> Path:
    """Write a file, with the folders above it, and give its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.chmod(path, mode)
    return path
