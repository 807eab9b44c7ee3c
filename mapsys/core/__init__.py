"""Decisions: no clock, socket, file, randomness or logging in here."""
