"""The HTTP process: status API, health and metrics."""

from __future__ import annotations

from typing import Final

SOCKET_NAME: Final = "http.sock"
"""In the state folder; mode 0600: who may open the file may use the API."""
