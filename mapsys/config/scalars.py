"""Kinds of one word or number: every text is typed here, never by YAML's own guessing."""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import os.path
import re
from abc import abstractmethod
from pathlib import Path
from typing import Final, TypeVar

from mapsys.config.faults import quoted
from mapsys.config.schema import Kind, Plain, Value
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix, Family

T = TypeVar("T")

_UNITS_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_UNITS_OCTETS: Final = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}
_DIGITS_LIMIT: Final = 20
"""More digits than any setting has; int() of a hostile text would take long."""


class ScalarKind(Kind[T]):
    """A kind written as one text; a subclass says how the text is typed.

    words: all that are allowed, where that is a few words. repeated: whether a fault says
    what was found; not where somebody may have written a secret.
    """

    words: tuple[str, ...] = ()
    repeated = True

    def read(self, value: Value) -> T:
        text = value.text(self.expects)
        try:
            return self.parse(text)
        except ValueError as error:
            value.refuse(f"{quoted(text) if self.repeated else 'the text'} {error}")

    @abstractmethod
    def parse(self, text: str) -> T:
        """Type a text that is not empty.

        Raises ValueError with the rest of a sentence that begins with the text.
        """

    def write(self, setting: T) -> Plain | None:
        return str(setting)


class Text(ScalarKind[str]):
    """A text of limited length without control characters.

    pattern: what the whole text has to match; allowed says so in words.
    """

    def __init__(
        self, expects: str, *, pattern: str = r"[^\x00-\x1f\x7f]*", limit: int = 255
    ) -> None:
        self.expects = expects
        self._pattern = re.compile(pattern)
        self._limit = limit

    def parse(self, text: str) -> str:
        if len(text) > self._limit:
            raise ValueError(f"has {len(text)} characters; at most {self._limit} are allowed")
        if self._pattern.fullmatch(text) is None:
            raise ValueError(f"is not {self.expects}")
        return text


class Integer(ScalarKind[int]):
    """A whole number in decimal digits without leading zeros; both bounds included."""

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest = lowest
        self.highest = highest
        self.expects = f"a whole number from {lowest} to {highest}"

    def parse(self, text: str) -> int:
        if re.fullmatch(r"0|-?[1-9][0-9]*", text) is None or len(text) > _DIGITS_LIMIT:
            raise ValueError(f"is not {self.expects}")
        if not self.lowest <= int(text) <= self.highest:
            raise ValueError(f"is outside {self.lowest} to {self.highest}")
        return int(text)


class Degrees(ScalarKind[float]):
    """Decimal degrees to both sides of zero, as in -33.87; at most six digits behind the point."""

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self.expects = f"decimal degrees from -{highest} to {highest}"

    def parse(self, text: str) -> float:
        if re.fullmatch(r"-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?", text) is None:
            raise ValueError(f"is not {self.expects}, as in -33.87")
        if abs(float(text)) > self.highest:
            raise ValueError(f"is outside -{self.highest} to {self.highest}")
        return float(text)

    def write(self, setting: float) -> Plain | None:
        return f"{setting:.6f}".rstrip("0").rstrip(".")


class Boolean(ScalarKind[bool]):
    """Exactly ``true`` or ``false``; ``yes`` and ``off`` are texts."""

    expects = "true or false"

    def parse(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError("is neither true nor false")
        return text == "true"

    def write(self, setting: bool) -> Plain | None:
        return "true" if setting else "false"


class Choice(ScalarKind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.expects = f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]

    def parse(self, text: str) -> str:
        if text in self.words:
            return text
        near = difflib.get_close_matches(text[:60], self.words, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"is not one of {', '.join(self.words)}{hint}")


class Duration(ScalarKind[int]):
    """A time span in whole seconds, written with its unit: 60s, 5m, 1h, 2d."""

    expects = "a duration such as 60s, 5m or 1h"

    def __init__(self, lowest_seconds: int, highest_seconds: int) -> None:
        self.lowest_seconds = lowest_seconds
        self.highest_seconds = highest_seconds

    def parse(self, text: str) -> int:
        seconds = _quantity(text, _UNITS_SECONDS, self.expects)
        if not self.lowest_seconds <= seconds <= self.highest_seconds:
            lowest, highest = self.write(self.lowest_seconds), self.write(self.highest_seconds)
            raise ValueError(f"is outside {lowest} to {highest}")
        return seconds

    def write(self, setting: int) -> Plain | None:
        return _with_unit(setting, _UNITS_SECONDS, "s")


class Size(ScalarKind[int]):
    """A number of octets, written with its unit: 4096B, 64KiB, 8MiB."""

    expects = "a size such as 64KiB or 8MiB"

    def __init__(self, lowest_octets: int, highest_octets: int) -> None:
        self.lowest_octets = lowest_octets
        self.highest_octets = highest_octets

    def parse(self, text: str) -> int:
        octets = _quantity(text, _UNITS_OCTETS, self.expects)
        if not self.lowest_octets <= octets <= self.highest_octets:
            lowest, highest = self.write(self.lowest_octets), self.write(self.highest_octets)
            raise ValueError(f"is outside {lowest} to {highest}")
        return octets

    def write(self, setting: int) -> Plain | None:
        return _with_unit(setting, _UNITS_OCTETS, "B")


class IpAddress(ScalarKind[str]):
    """An IPv4 or IPv6 address in its shortest text form, without a zone."""

    expects = "an IPv4 or IPv6 address"

    def parse(self, text: str) -> str:
        return _ip_text(text, text)


class EndpointText(ScalarKind[Endpoint]):
    """An address with a port: ``127.0.0.1:4342`` or ``[::1]:4342``.

    default_port: taken where only an address is written; None asks for the port.
    """

    def __init__(self, default_port: int | None = None) -> None:
        self.default_port = default_port
        self.expects = 'an address with a port such as 127.0.0.1:4342 or "[::1]:4342"'

    def parse(self, text: str) -> Endpoint:
        if self.default_port is not None and not text.startswith("[") and text.count(":") != 1:
            return Endpoint(_ip_text(text, text), self.default_port)
        host, colon, port_text = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if ":" in host and not bracketed:
            raise ValueError('needs brackets around the IPv6 address, as in "[::1]:4342"')
        if not colon or re.fullmatch(r"[0-9]{1,5}", port_text) is None:
            raise ValueError(f"has no port; allowed: {self.expects}")
        port = int(port_text)
        if not 1 <= port <= 65_535:
            raise ValueError(f"has port {port}, which is outside 1 to 65535")
        address = _ip_text(host[1:-1] if bracketed else host, text)
        if bracketed is not (":" in address):
            raise ValueError("has brackets around what is not an IPv6 address")
        return Endpoint(address, port)

    def write(self, setting: Endpoint) -> Plain | None:
        host = f"[{setting.host}]" if ":" in setting.host else setting.host
        return f"{host}:{setting.port}"


class Prefix(ScalarKind[EidPrefix]):
    """An EID-Prefix (or, with ``ip_only``, a prefix of locators) in instance-ID 0.

    The instance-ID has a key of its own wherever it matters, so that it is
    written in one way only.
    """

    def __init__(self, *, ip_only: bool = False) -> None:
        self.ip_only = ip_only
        self.expects = (
            "an IPv4 or IPv6 prefix such as 192.0.2.0/24"
            if ip_only
            else "an EID-Prefix such as 198.18.1.0/24 or 2001:db8:e001::/48"
        )

    def parse(self, text: str) -> EidPrefix:
        if text.startswith("["):
            raise ValueError("has an instance-ID in it; write it as instance-id: beside the prefix")
        is_name = text[0] in "'\""
        is_odd = not is_name and ("%" in text or not text.isascii())
        if len(text) > 255 or is_odd:
            raise ValueError(f"is not {self.expects}")
        try:
            prefix = EidPrefix.parse(text)
        except ValueError as error:
            canonical = _without_host_bits(text)
            if canonical is not None:
                raise ValueError(f"has host bits set; did you mean {canonical}?") from None
            reason = str(error).removeprefix(repr(text)).removeprefix(": ").strip()
            raise ValueError(f"is not {self.expects}: {reason}") from None
        if self.ip_only and prefix.family not in (Family.IPV4, Family.IPV6):
            raise ValueError(f"is not {self.expects}")
        return prefix

    def write(self, setting: EidPrefix) -> Plain | None:
        return str(EidPrefix(0, setting.family, setting.network, setting.length))


class FilePath(Kind[Path]):
    """A path; a relative one starts from the folder of the file it is written in."""

    expects = "a path; a relative one starts from this file's folder"

    def read(self, value: Value) -> Path:
        text = value.text(self.expects)
        if len(text) > 4_096 or "\0" in text:
            value.refuse(f"{quoted(text)} is not a path")
        return Path(os.path.normpath(value.origin.folder / text))

    def write(self, setting: Path) -> Plain | None:
        return str(setting)


class Timestamp(ScalarKind[datetime.datetime]):
    """A moment in UTC to the second: ``2027-01-31T18:00:00Z``."""

    expects = "a moment in UTC such as 2027-01-31T18:00:00Z"

    def parse(self, text: str) -> datetime.datetime:
        try:
            naive = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            raise ValueError(f"is not {self.expects}") from None
        return naive.replace(tzinfo=datetime.UTC)

    def write(self, setting: datetime.datetime) -> Plain | None:
        return setting.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _quantity(text: str, units: dict[str, int], expects: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12})([A-Za-z]+)", text)
    if match is None or match[2] not in units:
        raise ValueError(f"is not {expects}")
    return int(match[1]) * units[match[2]]


def _with_unit(quantity: int, units: dict[str, int], smallest: str) -> str:
    """The quantity in the largest unit that divides it."""
    for unit, factor in units.items():
        if quantity and quantity % factor == 0:
            return f"{quantity // factor}{unit}"
    return f"{quantity}{smallest}"


def _ip_text(host: str, text: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = "" if host == text else f" in front of the port ({quoted(host)})"
        raise ValueError(f"has no IPv4 or IPv6 address{name}") from None
    if "%" in host:
        raise ValueError("has a zone, which is not supported; give an address without one")
    return str(address)


def _without_host_bits(text: str) -> EidPrefix | None:
    """The prefix that was meant where only host bits are wrong."""
    address, _, length_text = text.partition("/")
    try:
        return EidPrefix.parse(address).truncated(int(length_text))
    except ValueError:
        return None
