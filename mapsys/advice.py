"""What to do about a Map-Register that was refused or dropped, by its reason."""

from __future__ import annotations

from typing import Final

from mapsys.core.reasons import Drop, Refusal

_ADVICE: Final[dict[str, str]] = {
    Drop.UNKNOWN_KEY_ID: "configure this key-id in the site's keys, or mend it at the ETR",
    Drop.KEY_NOT_VALID_NOW: "look at not-before and not-after of the key, and at both clocks",
    Drop.ALGORITHM_NOT_ALLOWED: "list the algorithm in the key's algorithms, or change the ETR's",
    Drop.AUTHENTICATION_FAILED: "compare the secrets; the message may also have been changed",
    Drop.REPLAYED: (
        "if the ETR lost its nonce, let it start again with 'mapsys key forget-nonce';"
        " otherwise somebody repeats its messages"
    ),
    Drop.OLD_MAP_VERSION: "an ETR registers an older map-version than is held; mend that ETR",
    Drop.RATE_LIMITED: "the site sends more than its budget; raise its rate-limits",
    Refusal.SITE_DISABLED: "set enabled: true to take the site's Map-Registers again",
    Refusal.NOT_CONFIGURED: "add the EID-Prefix to the site's eids, or mend the ETR",
    Refusal.MORE_SPECIFIC_NOT_ACCEPTED: "set accept-more-specifics: true, or mend the ETR",
    Refusal.MORE_SPECIFICS_LIMIT: "raise more-specifics-limit, or find out what registers so many",
    Refusal.MORE_SPECIFICS_PER_SITE: (
        "raise per-site of map-server: more-specifics, or find out what registers so many"
    ),
    Refusal.MORE_SPECIFICS_TOTAL: (
        "raise total of map-server: more-specifics, or find out who has so many"
    ),
    Refusal.MORE_SPECIFICS_OCTETS: (
        "raise octets of map-server: more-specifics, or find out whose records are so large"
    ),
    Refusal.VISITOR_EXACT_PREFIX: "a key with a holder is for more-specifics alone",
    Refusal.DUPLICATE_RECORD: "the ETR names an EID-Prefix twice in one message; mend it",
    Refusal.TOO_MANY_LOCATORS: "register at most 32 locators, those of all merging ETRs together",
    Refusal.TOO_MANY_REGISTRANTS: "too many xTRs stand behind the EID-Prefix; withdraw old ones",
    Refusal.RLOC_NOT_ALLOWED: "add the locator's prefix to the site's rlocs, or mend the ETR",
    Refusal.RLOC_NOT_USABLE: "no packet can be sent to the locator; mend the ETR",
    Refusal.NO_PUBLIC_RLOC: "the ETR has to name its RTR as a locator with the R bit set",
    Refusal.STATIC_REGISTRATION: "take the mapping out of static, or stop the ETR",
    Refusal.JOURNAL_UNAVAILABLE: "free or mend the disk of the state folder; the log says more",
    Refusal.RATE_LIMITED: "the site sends more than its budget; raise its rate-limits",
}

OTHERWISE: Final = "docs/failures.md explains the reason"


def advice(reason: str) -> str:
    """What to do, in a clause."""
    return _ADVICE.get(reason, OTHERWISE)
