"""The ALT node: BGP by ExaBGP over GRE, aggregation enforced (RFC 6836)."""
