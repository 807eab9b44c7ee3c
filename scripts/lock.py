"""Writes ``requirements.lock`` and ``sbom.cdx.json``: what production installs, each file by hash.

usage: .venv/bin/python -m scripts.lock

pip chooses the files as ``constraints.txt`` says, for the interpreter and the platform
it runs on; make the lock on what it is for, and install with

    pip install --require-hashes --only-binary :all: -r requirements.lock
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "requirements.lock"
SBOM: Final = ROOT / "sbom.cdx.json"


class Pinned(NamedTuple):
    """One distribution: its name and version, and the SHA-256 of the file that is installed."""

    name: str
    version: str
    sha256: str


def dependencies() -> list[str]:
    """What mapsys needs to run, as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def resolved() -> list[Pinned]:
    """What pip would install for them into an empty environment, sorted by name."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-input"]
    command += ["--ignore-installed", "--only-binary", ":all:", "--report", "-"]
    command += ["-c", str(ROOT / "constraints.txt"), *dependencies()]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = [
        Pinned(
            item["metadata"]["name"],
            item["metadata"]["version"],
            item["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for item in json.loads(report)["install"]
    ]
    return sorted(found, key=lambda pinned: pinned.name.lower())


def lock_text(pins: list[Pinned]) -> str:
    """The lock as pip reads it."""
    head = "# Made by scripts/lock.py; install with --require-hashes.\n"
    return head + "".join(
        f"{pin.name}=={pin.version} \\\n    --hash=sha256:{pin.sha256}\n" for pin in pins
    )


def read_lock(text: str) -> list[Pinned]:
    """The lock's pins. Raises ValueError where a line is not one."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pins = []
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        name, equals, version = first.removesuffix(" \\").partition("==")
        label, colon, digest = second.strip().partition("sha256:")
        if not equals or not colon or label != "--hash=" or len(digest) != 64:
            raise ValueError(f"{first!r} and {second!r} are no pin with its hash")
        pins.append(Pinned(name, version, digest))
    return pins


def sbom(pins: list[Pinned]) -> dict[str, Any]:
    """The bill of materials in CycloneDX 1.5; the same for the same pins."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "mapsys", "bom-ref": "mapsys"}},
        "components": [
            {
                "type": "library",
                "bom-ref": f"{pin.name}@{pin.version}",
                "name": pin.name,
                "version": pin.version,
                "purl": f"pkg:pypi/{pin.name.lower().replace('_', '-')}@{pin.version}",
                "hashes": [{"alg": "SHA-256", "content": pin.sha256}],
            }
            for pin in pins
        ],
    }


def sbom_text(pins: list[Pinned]) -> str:
    """The same as octets of a file."""
    return json.dumps(sbom(pins), indent=1) + "\n"


def main() -> None:
    pins = resolved()
    LOCK.write_text(lock_text(pins), encoding="utf-8")
    SBOM.write_text(sbom_text(pins), encoding="utf-8")
    print(f"{len(pins)} distributions")


if __name__ == "__main__":
    main()
