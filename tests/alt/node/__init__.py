"""The ALT node as it runs: real daemons in a row over real GRE, with real ExaBGP."""
