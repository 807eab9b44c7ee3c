"""The closed sets of words that say why something was dropped or refused.

They become counter labels and stand in logs and in ``mapsys sites``; what each
one means to an operator is written in docs/failures.md.
"""

from __future__ import annotations

from enum import StrEnum


class Drop(StrEnum):
    """Silence: the message was malformed, unauthenticated, unwanted or unanswerable."""

    UNEXPECTED_TYPE = "unexpected-type"
    NO_RECORDS = "no-records"
    NO_SITE = "no-site"
    SEVERAL_SITES = "several-sites"
    UNKNOWN_KEY_ID = "unknown-key-id"
    KEY_NOT_VALID_NOW = "key-not-valid-now"
    ALGORITHM_NOT_ALLOWED = "algorithm-not-allowed"
    AUTHENTICATION_FAILED = "authentication-failed"
    REPLAYED = "replayed"
    OLD_MAP_VERSION = "old-map-version"
    PROBE = "probe"
    SMR = "smr"
    NO_ITR_RLOC = "no-itr-rloc"
    DONT_MAP_REPLY = "dont-map-reply"
    DUPLICATE = "duplicate"
    NOT_A_MAP_RESOLVER = "not-a-map-resolver"
    NOT_A_MAP_SERVER = "not-a-map-server"
    NOT_AUTHORITATIVE = "not-authoritative"
    NO_ALT_SOURCE = "no-alt-source"
    RATE_LIMITED = "rate-limited"
    UNKNOWN_NOTIFY = "unknown-notify"
    NOT_AN_RTR = "not-an-rtr"
    NO_XTR_ID = "no-xtr-id"
    STILL_LOADING = "still-loading"
    LISP_SEC_REQUIRED = "lisp-sec-required"
    LISP_SEC_UNKNOWN_KEY_ID = "lisp-sec-unknown-key-id"
    LISP_SEC_UNKNOWN_WRAP_ID = "lisp-sec-unknown-wrap-id"
    LISP_SEC_WRONG_KEY = "lisp-sec-wrong-key"
    LISP_SEC_UNENCRYPTED = "lisp-sec-unencrypted"
    LISP_SEC_EID_AD = "lisp-sec-eid-ad"
    LISP_SEC_NO_ONWARD_KEY = "lisp-sec-no-onward-key"
    LISP_SEC_NO_ETR_KEY = "lisp-sec-no-etr-key"


class Refusal(StrEnum):
    """An authenticated Map-Register that policy said no to."""

    SITE_DISABLED = "site-disabled"
    NOT_CONFIGURED = "not-configured"
    MORE_SPECIFIC_NOT_ACCEPTED = "more-specific-not-accepted"
    MORE_SPECIFICS_LIMIT = "more-specifics-limit"
    MORE_SPECIFICS_PER_SITE = "more-specifics-per-site"
    MORE_SPECIFICS_TOTAL = "more-specifics-total"
    MORE_SPECIFICS_OCTETS = "more-specifics-octets"
    VISITOR_EXACT_PREFIX = "visitor-exact-prefix"
    DUPLICATE_RECORD = "duplicate-record"
    TOO_MANY_LOCATORS = "too-many-locators"
    TOO_MANY_REGISTRANTS = "too-many-registrants"
    RLOC_NOT_ALLOWED = "rloc-not-allowed"
    RLOC_NOT_USABLE = "rloc-not-usable"
    NO_PUBLIC_RLOC = "no-public-rloc"
    STATIC_REGISTRATION = "static-registration"
    JOURNAL_UNAVAILABLE = "journal-unavailable"
    RATE_LIMITED = "rate-limited"
