"""Several nodes, one truth: registrations shared through an engine; see docs/fleet.md."""
