"""The HTTP process: status API, health and metrics."""
