"""The hooks' process: tells other programs of moves, by HTTP."""
