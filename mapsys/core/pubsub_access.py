"""Is a subscription request verified, here or by a trusted Map-Resolver (RFC 9437, 1.1)?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mapsys.core.pubsub_settings import KnownXtr, PubSubSettings
from mapsys.core.questions import Question
from mapsys.eid import EidPrefix
from mapsys.wire.address import Ipv4, Ipv6, NoAddress, ip_address
from mapsys.wire.eid_address import to_eid_prefix
from mapsys.wire.ip import parse_ip_udp
from mapsys.wire.map_request import MapRequest

_UNKNOWN_RLOC = (NoAddress(),)


def wants_subscription(request: MapRequest) -> bool:
    """Whether an xTR that names itself asks to be notified: I bit, and an N bit."""
    return request.xtr_id is not None and any(r.notification_requested for r in request.records)


def wants_removal(request: MapRequest) -> bool:
    """Whether its N bits mean the end of subscriptions: one ITR-RLOC, of AFI 0."""
    return request.itr_rlocs == _UNKNOWN_RLOC


def without_subscriptions(question: Question) -> Question:
    """The same question with every N bit cleared; it has lost the packet that it came in."""
    records = tuple(replace(r, notification_requested=False) for r in question.request.records)
    return replace(question, request=replace(question.request, records=records), packet=None)


def source_rloc(question: Question) -> str:
    """The address that the Map-Request itself came from."""
    if question.packet is None:
        return question.asker.host
    return parse_ip_udp(question.packet)[0].source


class Access:
    """Whose subscription requests count."""

    def __init__(self, settings: PubSubSettings | None, known: Sequence[KnownXtr]) -> None:
        """settings: None where this node takes no subscriptions itself.

        known: whom this node's Map-Resolver vouches for.
        """
        self._settings = settings
        self._known = {xtr.xtr_id: xtr for xtr in known}

    def trusts(self, question: Question) -> bool:
        """Whether the Map-Server may take the request."""
        settings = self._settings
        if settings is None:
            return False
        if question.over_alt:
            return settings.trust_alt
        return _is_inside(question.asker.host, settings.trusted_resolvers) or self.vouches(question)

    def vouches(self, question: Question) -> bool:
        """Whether the Map-Resolver knows the xTR, and its Site-ID and locators are its own."""
        request = question.request
        xtr = None if request.xtr_id is None else self._known.get(request.xtr_id)
        if xtr is None or question.over_alt:
            return False
        if xtr.site_id is not None and request.site_id != xtr.site_id:
            return False
        if xtr.rlocs is None:
            return True
        hosts = [question.asker.host]
        if wants_removal(request):
            hosts.append(source_rloc(question))
        else:
            for address in request.itr_rlocs:
                if not isinstance(address, Ipv4 | Ipv6):
                    return False
                hosts.append(address.text)
        return all(_is_inside(host, xtr.rlocs) for host in hosts)


def _is_inside(host: str, prefixes: Iterable[EidPrefix]) -> bool:
    address = ip_address(host)
    whole = to_eid_prefix(address, 8 * len(address.packed))
    return any(prefix.covers(whole) for prefix in prefixes)
