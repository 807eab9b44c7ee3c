"""Chooses a backend: the kernel's GRE where there is one, else userspace."""

from __future__ import annotations

import asyncio
from typing import Literal

from alt.privileged import Privileges
from alt.tunnel.base import Receive, TunnelBackend, TunnelError
from alt.tunnel.kernel import KernelBackend
from alt.tunnel.probe import Abilities
from alt.tunnel.underlay import GreUnderlay
from alt.tunnel.userspace import UserspaceBackend

BackendChoice = Literal["auto", "kernel", "userspace"]
BackendKind = Literal["kernel", "userspace"]


def choose(choice: BackendChoice, abilities: Abilities) -> BackendKind:
    """The backend to use.

    Raises TunnelError in one sentence: what is missing, and what would work.
    """
    missing: dict[BackendKind, str] = {
        "kernel": abilities.kernel,
        "userspace": abilities.userspace,
    }
    wanted: list[BackendKind] = ["kernel", "userspace"] if choice == "auto" else [choice]
    for kind in wanted:
        if not missing[kind]:
            return kind
    working = [kind for kind, lack in missing.items() if not lack]
    if working:
        raise TunnelError(
            f"backend {choice} cannot work here: {missing[wanted[0]]}; use backend {working[0]}"
        )
    raise TunnelError(
        "no tunnel backend can work here: "
        + "; ".join(f"{kind}: {lack}" for kind, lack in missing.items())
    )


def make_backend(
    kind: BackendKind,
    privileges: Privileges,
    underlay: GreUnderlay,
    receive: Receive,
    loop: asyncio.AbstractEventLoop,
) -> TunnelBackend:
    """A backend for one overlay; the underlay is the node's, and only userspace uses it."""
    if kind == "kernel":
        return KernelBackend(privileges, receive, loop)
    return UserspaceBackend(privileges, underlay, receive, loop)
