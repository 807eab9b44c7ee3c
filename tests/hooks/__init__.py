"""The hooks of moves."""
