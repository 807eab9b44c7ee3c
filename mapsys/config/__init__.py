"""Configuration: a YAML node graph becomes a checked, typed Config."""
