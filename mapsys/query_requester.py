"""Who gives an order, as the HTTP process knows it: for the audit trail."""

from __future__ import annotations

import msgspec


class Requester(msgspec.Struct, frozen=True):
    """who: the name of a token or certificate, or the user at the Unix socket.

    how: "unix", "token", "certificate" or "anyone". uid, pid: of the other end of the
    Unix socket, as the system knows it. address: over TCP. request_id: stands in the
    answer's ``X-Request-Id`` too.
    """

    who: str
    how: str
    request_id: str
    uid: int | None = None
    pid: int | None = None
    address: str | None = None

    def facts(self) -> dict[str, str | int | None]:
        """The members of a line in the audit trail."""
        return {
            "who": self.who,
            "how": self.how,
            "uid": self.uid,
            "pid": self.pid,
            "from": self.address,
            "request_id": self.request_id,
        }
