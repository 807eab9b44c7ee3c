"""The laboratory: its description, its report, and its scenarios on a running network."""
