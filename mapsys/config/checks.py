"""The review's checks by id, and what one finds: docs/review.md has a section for each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from mapsys.config.faults import Fault


class Severity(StrEnum):
    """How much a finding matters; later ones matter more."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for what matters least."""
        return list(Severity).index(self)


class Check(NamedTuple):
    """One thing that the review looks at.

    what_to_do: a sentence. told: also by ``mapsys check`` alone, at the start and on
    a reload, because it is rather a slip than a matter of judgement.
    """

    id: str
    severity: Severity
    what_to_do: str
    told: bool = False


class Finding(NamedTuple):
    """What a check found.

    fault: where, and what; without a file where it is the host's.
    since: Unix time from which on it holds; 0 for always.
    """

    check: Check
    fault: Fault
    since: float = 0.0

    def __str__(self) -> str:
        return f"{self.fault} [{self.check.id}]"


_ALL: Final = (
    Check(
        "http-open",
        Severity.ERROR,
        "Listen on a loopback address, or give tls: and tokens: and take unprotected: out.",
        told=True,
    ),
    Check(
        "metrics-open",
        Severity.WARNING,
        "Ask for tokens over TLS, or keep metrics to a loopback address that a proxy reads.",
    ),
    Check(
        "secret-readable",
        Severity.ERROR,
        "Run chmod 600 on the file, or keep the secret in a file of its own (secret-file:).",
    ),
    Check(
        "receive-buffer-small",
        Severity.WARNING,
        "Take receive-buffer: out, or give 8MiB or more.",
    ),
    Check(
        "receive-buffer-not-granted",
        Severity.WARNING,
        "Raise net.core.rmem_max with sysctl to what receive-buffer: asks for.",
    ),
    Check(
        "clock-unsynchronised",
        Severity.WARNING,
        "Run an NTP client: validity of keys, logs and the journal's downtime go by this clock.",
    ),
    Check(
        "rate-limit-off",
        Severity.WARNING,
        "Give the budget a value, or take it out to have the default.",
    ),
    Check(
        "proxy-reply-without-lisp-sec",
        Severity.NOTE,
        "Add lisp-sec: to map-server:, so that ITRs can tell whose answer they got.",
    ),
    Check(
        "site-outside-authority",
        Severity.WARNING,
        "Add the prefix's block to authority:, or mend the prefix.",
        told=True,
    ),
    Check(
        "site-outside-alt",
        Severity.WARNING,
        "Add a block around it to the ALT instance, or register the site where its block is.",
    ),
    Check(
        "block-without-site",
        Severity.NOTE,
        "Take the block out until a site or a delegation lies in it.",
    ),
    Check(
        "prefix-overlap",
        Severity.WARNING,
        "Make sure that both sites know; the longer prefix wins, and the shorter has a hole.",
    ),
    Check(
        "prefix-not-canonical",
        Severity.NOTE,
        "Write the prefix as shown, so that searching files finds it.",
    ),
    Check(
        "more-specifics-unlimited",
        Severity.NOTE,
        "Give more-specifics-limit: a value that fits the site.",
    ),
    Check(
        "key-short",
        Severity.WARNING,
        "Make a new secret of at least 16 random octets.",
        told=True,
    ),
    Check(
        "key-shared",
        Severity.WARNING,
        "Give each site a secret of its own.",
        told=True,
    ),
    Check(
        "key-sha1-only",
        Severity.WARNING,
        "Allow hmac-sha-256-128 and move the ETRs to it.",
    ),
    Check(
        "rotation-open",
        Severity.WARNING,
        "Finish the rotation: make the next secret the only one, or give the old key not-after:.",
    ),
    Check(
        "alt-plan",
        Severity.WARNING,
        "See whether blocks, delegations and tunnels are as they are meant.",
        told=True,
    ),
    Check(
        "bgp-without-md5",
        Severity.WARNING,
        "Agree a secret with the neighbour and give md5-secret-file:.",
    ),
    Check(
        "bgp-without-ttl-security",
        Severity.NOTE,
        "Switch gtsm: on at both ends.",
    ),
    Check(
        "bgp-without-max-prefix",
        Severity.NOTE,
        "Give max-prefix: a value somewhat above what the neighbour should announce.",
    ),
    Check(
        "tunnel-mtu",
        Severity.WARNING,
        "Give mtu: 1400 or more, or mend the path: Map-Requests with LISP-SEC would not fit.",
    ),
)

CHECKS: Final = {check.id: check for check in _ALL}
