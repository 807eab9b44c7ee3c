"""A day of a Map-Server's life in seconds, on a virtual clock, beside an independent model."""
