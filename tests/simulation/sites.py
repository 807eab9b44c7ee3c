"""The LISP sites of a simulation, written once, and read by server and reference alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any

from mapsys.core.site import EidRule, LispSite, ProxyReply, Replay, SiteKey
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key
from tests.simulation.reference_wire import Prefix

VISITOR_KEY = 2


@dataclass(frozen=True)
class SitePlan:
    """One site. prefixes: text, whether more-specifics are taken, and how many.

    secrets: the current one, and the next one while it is rotated in. visitor: the secret
    of key-id 2 and whom it was given to. window: when key-id 0 may be used.
    """

    name: str
    secrets: tuple[bytes, ...]
    prefixes: tuple[tuple[str, bool, int], ...]
    replay: str = "auto"
    proxy: str = "as-requested"
    enabled: bool = True
    algorithms: frozenset[int] = frozenset({1, 2, 3})
    rlocs: tuple[str, ...] = ()
    visitor: tuple[bytes, str] | None = None
    window: tuple[float, float] = field(default=(-inf, inf))


def bits_of(eid: EidPrefix) -> Prefix:
    """An EID-Prefix as the reference writes it."""
    text = format(eid.network, f"0{eid.width}b")[: eid.length]
    return (eid.instance_id, int(eid.family), text)


def for_engine(plan: SitePlan) -> LispSite:
    start, end = plan.window
    following = Key(plan.secrets[1]) if len(plan.secrets) > 1 else None
    keys = [
        SiteKey(
            0,
            plan.algorithms,
            Key(plan.secrets[0]),
            next=following,
            valid_from=None if start == -inf else start,
            valid_until=None if end == inf else end,
        )
    ]
    if plan.visitor:
        secret, holder = plan.visitor
        keys.append(SiteKey(VISITOR_KEY, plan.algorithms, Key(secret), holder=holder))
    return LispSite(
        plan.name,
        tuple(keys),
        tuple(
            EidRule(EidPrefix.parse(text), accept_more_specifics=more, more_specifics_limit=limit)
            for text, more, limit in plan.prefixes
        ),
        rlocs=tuple(map(EidPrefix.parse, plan.rlocs)) or None,
        replay=Replay(plan.replay),
        proxy_reply=ProxyReply(plan.proxy),
        enabled=plan.enabled,
    )


def for_reference(plan: SitePlan) -> dict[str, Any]:
    def key(secrets: tuple[bytes, ...], holder: str, window: tuple[float, float]) -> dict[str, Any]:
        algorithms = plan.algorithms
        return dict(
            secrets=secrets,
            algorithms=algorithms,
            holder=holder,
            until=window[1],
            **{"from": window[0]},
        )

    keys = {0: key(plan.secrets, "", plan.window)}
    if plan.visitor:
        keys[VISITOR_KEY] = key((plan.visitor[0],), plan.visitor[1], (-inf, inf))
    rules = [
        {"prefix": bits_of(EidPrefix.parse(text)), "more": more, "limit": limit}
        for text, more, limit in plan.prefixes
    ]
    return {
        "name": plan.name,
        "keys": keys,
        "rules": rules,
        "rlocs": [bits_of(EidPrefix.parse(text)) for text in plan.rlocs],
        "replay": plan.replay,
        "proxy": plan.proxy,
        "enabled": plan.enabled,
    }


AUTHORITY = ("198.18.0.0/21", "8.0.0.0/6", "2001:db8:e000::/40", "[100]172.16.0.0/12")

SITES = (
    SitePlan("mobile", (b"mobile",), (("198.18.2.0/24", True, 40),), visitor=(b"lent", "north")),
    SitePlan("north", (b"north",), (("198.18.3.0/24", True, 5),), replay="strict"),
    SitePlan("merging", (b"merging",), (("198.18.4.0/24", True, 9),)),
    SitePlan("agreeing", (b"agreeing",), (("198.18.5.0/24", False, 9),), proxy="never"),
    SitePlan("outer", (b"outer",), (("10.0.0.0/8", True, 30), ("198.18.6.0/24", True, 3))),
    SitePlan("inner", (b"inner",), (("10.1.0.0/16", False, 9),), rlocs=("192.0.2.0/24",)),
    SitePlan("deep", (b"deep",), (("10.1.64.0/20", True, 9),), replay="strict", proxy="always"),
    SitePlan("six", (b"six",), (("2001:db8:e000:1::/64", True, 9),)),
    SitePlan("tenant", (b"tenant",), (("[100]172.16.0.0/16", True, 9),), replay="strict"),
    SitePlan("careless", (b"careless",), (("10.9.0.0/16", True, 12),), replay="off"),
)
