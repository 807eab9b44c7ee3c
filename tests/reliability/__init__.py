"""Real daemons under kills, floods, garbage and broken files; each figure with its bound."""
