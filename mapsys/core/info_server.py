"""Info-Requests: telling an ETR how its address translator shows it.

Source: draft-ermagan-lisp-nat-traversal-19, 4.1, 4.2 and 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mapsys.core.effects import Datagram, Dropped, Effect, Send
from mapsys.core.limiter import Budgets
from mapsys.core.reasons import Drop
from mapsys.core.site import SiteTable
from mapsys.wire.address import Address, NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import to_eid_prefix
from mapsys.wire.errors import WireError
from mapsys.wire.info import InfoReply, InfoRequest
from mapsys.wire.lcaf import NatTraversal

MESSAGE: Final = "InfoRequest"
TTL_MINUTES: Final = 1440
"""How long an ETR may go on using the RTRs named, unless it asks again."""


class InfoServer:
    """Answers Info-Requests to where they came from."""

    def __init__(
        self,
        sites: SiteTable,
        budgets: Budgets,
        *,
        rtrs: Sequence[str] = (),
        answer_unsigned: bool = False,
    ) -> None:
        """rtrs: addresses of the RTRs that ETRs behind a translator are to use.

        answer_unsigned: also answer the short form without EID-Prefix and MAC that
        one implementation sends; it tells the asker nothing but its own address.
        """
        self._sites = sites
        self._budgets = budgets
        self._rtrs: tuple[Address, ...] = tuple(ip_address(host) for host in rtrs)
        self._answer_unsigned = answer_unsigned

    def answer(self, request: InfoRequest, datagram: Datagram, now: float) -> list[Effect]:
        """Answer one Info-Request whose MAC is good."""
        key = self._key(request, datagram, now)
        if isinstance(key, Drop):
            return [Dropped(datagram.source, MESSAGE, key)]
        budgets, host = self._budgets, datagram.source.host
        towards = budgets.host(host)
        if not budgets.take_reply(towards, budgets.prefix(host, None), now):
            return [Dropped(datagram.source, MESSAGE, Drop.RATE_LIMITED)]
        reply = InfoReply(
            request.nonce,
            request.key_id,
            bytes(len(request.authentication_data)),
            TTL_MINUTES,
            request.eid,
            request.mask_len,
            NatTraversal(
                datagram.local.port,
                datagram.source.port,
                ip_address(datagram.source.host),
                ip_address(datagram.local.host),
                NoAddress(),
                self._rtrs,
            ),
            algorithm_id=request.algorithm_id,
        ).octets()
        if key is not None:
            reply = key.sign(reply)
        if not budgets.take_octets(towards, len(datagram.data), len(reply), now):
            return [Dropped(datagram.source, MESSAGE, Drop.RATE_LIMITED)]
        return [Send(reply, datagram.source, datagram.local)]

    def _key(self, request: InfoRequest, datagram: Datagram, now: float) -> Key | Drop | None:
        """The secret it was signed with, None for an unsigned one that is allowed."""
        if isinstance(request.eid, NoAddress) and not request.authentication_data:
            return None if self._answer_unsigned else Drop.AUTHENTICATION_FAILED
        try:
            match = self._sites.longest_match(to_eid_prefix(request.eid, request.mask_len))
        except WireError:
            match = None
        if match is None:
            return Drop.NO_SITE
        key = match[0].key(request.key_id)
        if key is None:
            return Drop.UNKNOWN_KEY_ID
        if not key.is_valid_at(now):
            return Drop.KEY_NOT_VALID_NOW
        if request.algorithm_id not in key.algorithm_ids:
            return Drop.ALGORITHM_NOT_ALLOWED
        if not self._budgets.take_proof(datagram.source.host, now):
            return Drop.RATE_LIMITED
        for secret in key.secrets_at(now):
            if secret.verify(datagram.data):
                return secret
        return Drop.AUTHENTICATION_FAILED
