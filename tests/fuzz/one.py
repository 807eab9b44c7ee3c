"""One target under the fuzzer: ``python -m tests.fuzz.one --target=NAME [libFuzzer's options]``."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

from tests.fuzz.targets import target_of

_LAUNCHER = Path(__file__).with_name("launch")
_TARGET_OPTION = "--target="
"""Of two dashes, so that libFuzzer leaves it alone, and hands it on."""


def main() -> None:
    """Run until the options say stop; a finding ends the process with its input saved."""
    name = next(
        argument.removeprefix(_TARGET_OPTION)
        for argument in sys.argv
        if argument.startswith(_TARGET_OPTION)
    )
    with atheris.instrument_imports(include=["mapsys", "alt"]):
        target = target_of(name)
    atheris.Setup([str(_LAUNCHER), f"-max_len={target.octets_limit}", *sys.argv[1:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
