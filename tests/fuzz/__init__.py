"""Coverage-guided fuzzing: targets, their corpora, and the command that runs them."""
