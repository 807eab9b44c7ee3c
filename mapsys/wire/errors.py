"""Why octets were not understood: one WireError for each reason to drop a message."""

from __future__ import annotations

from typing import ClassVar, Final


class WireError(Exception):
    """Octets that are no message this system understands; the message is dropped.

    reason: names the class of fault in counters and logs; one of WIRE_REASONS.
    """

    reason: ClassVar[str]


class Truncated(WireError):
    """The octets end before the structure they announce does."""

    reason = "truncated"


class TrailingOctets(WireError):
    """Octets are left over behind a structure that announced none."""

    reason = "trailing-octets"


class UnknownType(WireError):
    """The type code is not assigned, or has no place here (RFC 9301, 5.1)."""

    reason = "unknown-type"


class UnknownAfi(WireError):
    """An address family without a known length: what follows cannot be found."""

    reason = "unknown-afi"


class UnexpectedAddress(WireError):
    """An address of a known kind in a field that takes only another kind."""

    reason = "unexpected-address"


class UnknownEid(WireError):
    """A well-formed address that names no EID-Prefix (RFC 9306, 3)."""

    reason = "unknown-eid"


class UnknownOui(WireError):
    """A Vendor-Specific LCAF of a vendor this system does not know (RFC 9306, 4)."""

    reason = "unknown-oui"


class UnknownAuthenticationData(WireError):
    """An AD Type of an ECM whose length is not known, so that nothing behind it can be found."""

    reason = "unknown-authentication-data"


class BadMaskLength(WireError):
    """A mask-len that is longer than its address, or cuts a name inside an octet."""

    reason = "bad-mask-length"


class NestingTooDeep(WireError):
    """Addresses inside addresses, or messages inside messages, beyond the bound."""

    reason = "nesting-too-deep"


class BadIpHeader(WireError):
    """An inner packet that is neither IPv4 nor IPv6, or whose lengths contradict each other."""

    reason = "bad-ip-header"


class IpOptions(WireError):
    """An inner IPv4 header with options."""

    reason = "ip-options"


class IpFragment(WireError):
    """An inner packet that is only a part of a datagram."""

    reason = "ip-fragment"


class NotUdp(WireError):
    """An inner packet that carries no UDP."""

    reason = "not-udp"


class BadChecksum(WireError):
    """An IPv4 or UDP checksum that does not match."""

    reason = "bad-checksum"


class DataPort(WireError):
    """An inner UDP port of 4341, which no control message may use (RFC 9301, 5.8)."""

    reason = "data-port"


WIRE_REASONS: Final = frozenset(
    error.reason
    for error in (
        Truncated,
        TrailingOctets,
        UnknownType,
        UnknownAfi,
        UnexpectedAddress,
        UnknownEid,
        UnknownOui,
        UnknownAuthenticationData,
        BadMaskLength,
        NestingTooDeep,
        BadIpHeader,
        IpOptions,
        IpFragment,
        NotUdp,
        BadChecksum,
        DataPort,
    )
)
"""Every reason there is: a closed set, fit for counter labels."""
