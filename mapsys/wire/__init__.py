"""octets <-> values: every message of the LISP control plane (RFC 9301, 8060)."""
