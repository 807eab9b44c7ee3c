"""A configuration file to the root of its document, ready to be read by a schema."""

from __future__ import annotations

import os
from pathlib import Path

from mapsys.config.document import DOCUMENT_LIMIT_OCTETS, compose
from mapsys.config.faults import Fault, Faults
from mapsys.config.files import read_bounded, reason
from mapsys.config.schema import FaultyError, Origin, Value


def opened(path: Path, shown: Path, faults: Faults) -> Value:
    """The document in a file. Raises FaultyError with the fault noted.

    shown: how faults name the file.
    """
    try:
        octets, _ = read_bounded(path, DOCUMENT_LIMIT_OCTETS)
    except (OSError, ValueError) as error:
        faults.add(Fault(str(shown), 0, 0, "", f"cannot be read: {reason(error)}"))
        raise FaultyError from None
    node = compose(octets, str(shown), faults)
    if node is None:
        raise FaultyError
    return Value(node, Origin(str(shown), Path(os.path.abspath(path)).parent, faults))
