"""The daemon as a real process, and what it is put together from."""
