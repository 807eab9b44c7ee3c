"""mapsys: a LISP mapping system (Map-Server, Map-Resolver, ALT node)."""

__version__ = "0.1.0"
