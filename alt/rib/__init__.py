"""Routes of the ALT: what came in, what was chosen, what went out."""
